.PHONY: constraints check coverage docs
# Renews the pins for every supported Python and platform (needs uv: pip install uv).
constraints:
	uv pip compile --universal --python-version 3.11 --all-extras --no-emit-index-url --no-header --no-annotate --upgrade -q pyproject.toml -o constraints.txt

# What CI runs, on the environment that is already there.
check:
	.venv/bin/ruff format --check . && .venv/bin/ruff check . && .venv/bin/pyright && .venv/bin/pytest

# Branches of mixlaw and proxies that the tests reach; fails below the least that pyproject.toml states (fail_under).
coverage:
	.venv/bin/pytest --cov --cov-report=term:skip-covered

# The documentation into build/docs (pip install -e '.[docs]'); a broken link ends it (not with -q, which hides warnings from strict).
docs:
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build -f analysis/mkdocs.yml
