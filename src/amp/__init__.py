"""AMP: an application management platform with a highly available management plane.

Start reading at ARCHITECTURE.md; `app.py` shows how the parts are put together.
"""

__version__ = "0.2.0"
