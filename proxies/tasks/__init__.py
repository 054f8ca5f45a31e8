"""From a project to the runs to make."""
