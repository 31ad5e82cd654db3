"""Plain and sparse autoencoders."""

from torch import Tensor, nn


class Autoencoder(nn.Module):
    """x -> code -> x. It has no density and no prior: it only reconstructs."""

    def __init__(
        self, encoder: nn.Module, n_features: int, latent_dim: int, decoder: nn.Module
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.to_code = nn.Linear(n_features, latent_dim)
        self.decoder = decoder

    def encode(self, x: Tensor) -> Tensor:
        """Return the code (B, D)."""
        code: Tensor = self.to_code(self.encoder(x))
        return code

    def decode(self, z: Tensor) -> Tensor:
        """Return the image of each code, pixels in (0, 1)."""
        image: Tensor = self.decoder(z)
        return image.sigmoid()


class SparseAutoencoder(Autoencoder):
    """An autoencoder with rectified codes, which can be exactly zero."""

    def encode(self, x: Tensor) -> Tensor:
        """Return the code (B, D), which is never negative."""
        return super().encode(x).relu()
