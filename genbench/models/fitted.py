"""Models that are fitted to data without gradient steps, with parameters in buffers."""

from typing import Any

from torch import Tensor, nn


class FittedModule(nn.Module):
    """A module with buffers shaped by the data or a stored state."""

    def put(self, **values: Tensor) -> None:
        """Set buffers to ``values``, keeping their dtype and device."""
        for name, value in values.items():
            setattr(self, name, value.detach().to(self.get_buffer(name)).contiguous())

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        for name in list(self._buffers):
            buffer, stored = self.get_buffer(name), state_dict.get(prefix + name)
            if stored is not None and stored.shape != buffer.shape:
                setattr(self, name, buffer.new_empty(stored.shape))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
