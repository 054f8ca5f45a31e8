"""From text to tokens: bytes, or a tokenizer of the `tokenizers` library in its JSON file.

Every document is followed by one end mark, a token that no text contains: the names of special tokens in a text are
encoded as plain text.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.project.project_file import Project
from proxies.text.files import driver_errors, list_files

END = 256  # of the byte tokenizer: the token after every document
VOCAB = 257
END_MARKS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|im_end|>", "[EOS]", "[SEP]")
"""Names of the end mark in published tokenizers; if a tokenizer has none of them, a token is added."""
MOST = 1 << 28
"""Bytes of a tokenizer's file that are read."""
PART = 1 << 20  # characters: a longer document is encoded in parts, so that the library's own tables stay small


def token_type(vocab: int) -> np.dtype:
    """uint16 if it can represent every token, else uint32.

    >>> token_type(257), token_type(100_000)
    (dtype('uint16'), dtype('uint32'))
    """
    return np.dtype(np.uint16 if vocab <= 1 << 16 else np.uint32)


class ByteTokenizer:
    """Tokenizer of UTF-8 bytes, with an end mark after every document.

    >>> tokens, lengths = ByteTokenizer().encode(["ab", "c"])
    >>> tokens.tolist(), lengths.tolist()
    ([97, 98, 256, 99, 256], [3, 2])
    """

    vocab, end, name, hash = VOCAB, END, "bytes", "bytes"

    def encode(self, documents: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(tokens_T uint16, lengths_D int64): all documents end to end, each with its end mark."""
        data = [document.encode("utf-8", "surrogatepass") for document in documents]
        lengths_D = np.fromiter(map(len, data), np.int64, len(data)) + 1
        tokens_T = np.frombuffer(b"\0".join([*data, b""]), np.uint8).astype(np.uint16)
        tokens_T[np.cumsum(lengths_D) - 1] = END
        return tokens_T, lengths_D


class FileTokenizer:
    """Tokenizer of the `tokenizers` library, from the text of its JSON file.

    `hash` and `name` depend on that text only. Raises MixlawError, naming `place`, if the text is not a tokenizer.
    """

    def __init__(self, text: str, place: str) -> None:
        library = tokenizers_library()
        self.hash = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        try:
            self._model = library.Tokenizer.from_str(text)
        except Exception as error:  # the library raises nothing narrower
            raise MixlawError(
                f"{place}: not a tokenizer of the `tokenizers` library ({error}); name its JSON"
            ) from error
        self._model.no_truncation()
        self._model.no_padding()
        self._model.encode_special_tokens = True
        known: dict[str, int] = self._model.get_vocab(with_added_tokens=True)
        if not known:
            raise MixlawError(f"{place}: its vocabulary is empty; train it first (`mixlaw tokenizer train`)")
        added = {token.content for token in self._model.get_added_tokens_decoder().values() if token.special}
        mark = next((mark for mark in END_MARKS if mark in added), None)
        last = max(known.values())
        self.end = last + 1 if mark is None else known[mark]
        self.vocab = max(last, self.end) + 1
        self.name = f"{type(self._model.model).__name__.lower()}-{self.vocab}-{self.hash[:8]}"

    def encode(self, documents: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(tokens_T, lengths_D int64): all documents end to end, each with its end mark."""
        parts, counts = [], []
        for document in documents:
            cut = _parts(document)
            counts.append(len(cut))
            parts += cut
        encoded = self._encoded(parts)
        kind, end = token_type(self.vocab), np.array([self.end], token_type(self.vocab))
        arrays, lengths, at = [], [], 0
        for count in counts:
            own = [np.array(encoding.ids, kind) for encoding in encoded[at : at + count]]
            arrays += [*own, end]
            lengths.append(sum(map(len, own)) + 1)
            at += count
        return np.concatenate(arrays), np.array(lengths, np.int64)

    def _encoded(self, parts: list[str]) -> list[Any]:
        try:
            return self._model.encode_batch_fast(parts, add_special_tokens=False)
        except TypeError:  # half a surrogate pair, which JSON can write: the library takes only whole characters
            whole = [part.encode("utf-8", "replace").decode() for part in parts]
            return self._model.encode_batch_fast(whole, add_special_tokens=False)


Tokenizer = ByteTokenizer | FileTokenizer


def read_tokenizer(path: str | Path | None, *, base: Path | str = ".", within: Path | str | None = None) -> Tokenizer:
    """The tokenizer in a file; None: bytes. `base`, `within`: as in `read_documents`.

    Raises MixlawError if the file cannot be read.

    >>> read_tokenizer(None).name
    'bytes'
    """
    if path is None:
        return ByteTokenizer()
    mend = "name a JSON file of the `tokenizers` library"
    try:
        file, *others = list_files([path], base, within=within)
        if others:
            raise MixlawError("several files match")
        try:
            with file.open() as raw:
                text = raw.read(MOST).decode()
        except UnicodeDecodeError as error:
            raise MixlawError(f"byte {error.start} is not UTF-8") from error
        except driver_errors(file.filesystem) as error:
            raise MixlawError(str(getattr(error, "strerror", None) or error)) from error
    except MixlawError as error:
        raise MixlawError(f"tokenizer {path}: cannot be read ({error}); {mend}") from error
    return FileTokenizer(text, f"tokenizer {path}")


def project_tokenizer(project: Project) -> Tokenizer:
    """The tokenizer that a project names; bytes if it names none. Raises MixlawError if it cannot be read."""
    try:
        return read_tokenizer(project.tokenizer, base=project.folder, within=project.within)
    except MixlawError as error:
        raise MixlawError(f"{project.path}: {error}") from error


def tokenizers_library() -> Any:
    """The `tokenizers` library, imported on use. Raises MixlawError with the install command if it is absent."""
    try:
        import tokenizers
    except ImportError as error:
        raise MixlawError(
            "a tokenizer other than bytes needs the `tokenizers` library: pip install 'mixlaw[tokenizers]'"
        ) from error
    return tokenizers


def _parts(document: str) -> list[str]:
    """The document, or parts of it that end in a line break between two words, where tokens break anyway."""
    parts, start = [], 0
    while len(document) - start > PART:
        cut = _break(document, start)
        parts.append(document[start:cut])
        start = cut
    return [*parts, document[start:]]


def _break(document: str, start: int) -> int:
    at = start + PART
    while (at := document.rfind("\n", start + 1, at)) > start:
        if not document[at - 1].isspace() and not document[at + 1].isspace():
            return at + 1
    return start + PART
