"""Reads a picture from standard input and writes it in small to standard output; a program, run by ``drawing``.

It imports nothing of ours, so that it starts fast and has nothing that is secret.
"""

import io
import resource
import sys
import warnings

from PIL import Image, ImageOps

EDGE = 512
"""Pixels of the longer edge, at most."""

MOST_PIXELS = 50_000_000
"""Pixels of a picture that is drawn."""

_MEMORY = 1024 * 1024 * 1024
_CPU_S = 20
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")


class TooMany(Exception):
    """The picture has too many pixels."""


def small(content: bytes) -> bytes:
    """Return a picture in small: upright, its first frame, and nothing but what is seen.

    Raises:
        TooMany: It has too many pixels.
        Exception: Whatever Pillow makes of what is no picture.
    """
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # looked at here, before anything is unpacked
    with Image.open(io.BytesIO(content), formats=_FORMATS) as found:
        if found.width * found.height > MOST_PIXELS:
            raise TooMany(f"it has {found.width} × {found.height} pixels, more than {MOST_PIXELS} in all")
        found.draft("RGB", (EDGE * 2, EDGE * 2))
        upright = ImageOps.exif_transpose(found)
        seen = upright.convert("RGBA" if _is_clear(upright) else "RGB")
        seen.thumbnail((EDGE, EDGE))
        drawn = Image.new(seen.mode, seen.size)
        drawn.paste(seen)
    answer = io.BytesIO()
    drawn.save(answer, "WEBP", quality=80)
    return answer.getvalue()


def _is_clear(picture: Image.Image) -> bool:
    return picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info


def main() -> int:
    """Draw one picture; return 1 where it cannot be drawn, and say why on standard error."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        drawn = small(sys.stdin.buffer.read())
    except TooMany as error:
        sys.stderr.write(str(error))
        return 1
    except Exception as error:
        sys.stderr.write(f"it is no picture that can be drawn ({type(error).__name__})")
        return 1
    sys.stdout.buffer.write(drawn)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
