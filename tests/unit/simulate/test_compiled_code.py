"""Machine code of yesterday's source would be a simulator that nobody wrote."""

from hashlib import sha256
from pathlib import Path

from fastapi_tuning.simulate import arrays, kernel, queues


def test_the_kernel_changes_whenever_what_it_is_compiled_with_changes() -> None:
    sources = b"".join(Path(str(module.__file__)).read_bytes() for module in (arrays, queues))
    digest = sha256(sources).hexdigest()[:16]
    assert digest == kernel.COMPILED_WITH, f'write COMPILED_WITH = "{digest}" into kernel.py'
