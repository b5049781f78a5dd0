"""`parcel.of`: what `bundle_cache.bundle` was called until November 2026. Scripts outside this repository import that name."""

from edgedeploy.flows.bundle_cache import bundle as of

__all__ = ["of"]
