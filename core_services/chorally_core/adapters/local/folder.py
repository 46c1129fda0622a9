"""Objects as files of a folder, one folder for each tenant."""

import os
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile


class Folder:
    """Serves the objects port from a folder.

    Names are hashed, so that nothing a caller says becomes part of a path. A file is complete and
    synchronised before it gets its name.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def _path(self, tenant: str, name: str) -> Path:
        place = sha256(tenant.encode()).hexdigest()[:32]
        digest = sha256(name.encode()).hexdigest()
        return self._root / place / digest[:2] / digest

    async def put(self, tenant: str, name: str, content: bytes) -> None:
        """Store an object durably; the same name again replaces it."""
        path = self._path(tenant, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)  # noqa: ASYNC240
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    async def get(self, tenant: str, name: str) -> bytes:
        """Return an object.

        Raises:
            LookupError: There is none of that name.
        """
        try:
            return self._path(tenant, name).read_bytes()
        except FileNotFoundError:
            raise LookupError(f"there is no object {name!r}") from None

    async def delete(self, tenant: str, name: str) -> None:
        """Remove an object; one that is not there is no error."""
        self._path(tenant, name).unlink(missing_ok=True)
