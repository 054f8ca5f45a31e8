"""The transformer of the proxies in PyTorch, with its start, optimizer and schedule: the speed is measured beside it.

As a PyTorch user would write it for speed: fused attention (or by hand, whichever is quicker), embedding and loss by
index, AdamW fused, one group per learning rate.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from proxies.model import mup
from proxies.model.transformer import ModelConfig
from proxies.training import optimizer

torch.set_num_threads(1)


class Proxy(nn.Module):
    """The transformer, from the same starting parameters."""

    def __init__(self, config: ModelConfig, seed: int, fused: bool = True) -> None:
        super().__init__()
        self.config, self.fused = config, fused
        start = {name.replace("/", "_"): np.asarray(value) for name, value in mup.init(config, seed).items()}
        self.table = nn.ParameterDict({name: nn.Parameter(torch.tensor(value)) for name, value in start.items()})
        half = config.head_dim // 2
        angle = np.arange(config.length)[:, None] * 10_000.0 ** (-np.arange(half) / half)
        self.register_buffer("cos", torch.tensor(np.cos(angle), dtype=torch.float32))
        self.register_buffer("sin", torch.tensor(np.sin(angle), dtype=torch.float32))
        future = torch.triu(torch.full((config.length, config.length), float("-inf")), 1)
        self.register_buffer("future", future)

    def _turn(self, z: torch.Tensor) -> torch.Tensor:
        a, b = z.chunk(2, dim=-1)
        return torch.cat([a * self.cos - b * self.sin, a * self.sin + b * self.cos], dim=-1)

    def _read(self, x: torch.Tensor, layer: int, branch: str) -> torch.Tensor:
        normed = functional.rms_norm(x, (self.config.width,), self.table[f"{layer}_norm_{branch}"], 1e-6)
        return normed + self.table[f"{layer}_shift_{branch}"] * functional.pad(normed[:, :-1], (0, 0, 1, 0))

    def _attend(self, x: torch.Tensor, layer: int) -> torch.Tensor:
        c, (batch, length, _) = self.config, x.shape
        qkv = (x @ self.table[f"{layer}_qkv"]).view(batch, length, 3, c.heads, c.head_dim).permute(2, 0, 3, 1, 4)
        q, k, v = self._turn(qkv[0]), self._turn(qkv[1]), qkv[2]
        if self.fused:
            out = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            out = torch.softmax(q @ k.transpose(-1, -2) * c.head_dim**-0.5 + self.future, dim=-1) @ v
        return out.transpose(1, 2).reshape(batch, length, -1) @ self.table[f"{layer}_attended"]

    def forward(self, tokens_BxL: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy in nats per token."""
        shifted = functional.pad(tokens_BxL[:, :-1], (1, 0), value=self.config.end)
        x = functional.embedding(shifted, self.table["embed"])
        for layer in range(self.config.depth):
            x = x + self._attend(self._read(x, layer, "attend"), layer)
            up = self._read(x, layer, "mlp") @ self.table[f"{layer}_up"]
            x = x + functional.gelu(up, approximate="tanh") @ self.table[f"{layer}_down"]
        logits = functional.rms_norm(x, (self.config.width,), self.table["norm_head"], 1e-6) @ self.table["head"]
        return functional.cross_entropy(logits.view(-1, self.config.vocab), tokens_BxL.reshape(-1))


class Trainer:
    """One run's model and optimizer; `step` trains on a batch at a learning rate and returns the loss."""

    def __init__(
        self, config: ModelConfig, seed: int, *, compiled: bool, fused: bool = True, decay: float = 0.1
    ) -> None:
        self.model = Proxy(config, seed, fused)
        self.loss = torch.compile(self.model) if compiled else self.model
        scales = mup.rate_scales(config)
        groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
        for name, scale in scales.items():
            value = self.model.table[name.replace("/", "_")]
            groups.setdefault((scale, value.ndim > 1), []).append(value)
        self.scales = [scale for scale, _ in groups]
        self.adam = torch.optim.AdamW(
            [{"params": values, "weight_decay": decay * matrix} for (_, matrix), values in groups.items()],
            betas=(optimizer.BETA_FIRST, optimizer.BETA_SECOND), eps=optimizer.EPSILON, fused=True,
        )  # fmt: skip

    def step(self, tokens_BxL: np.ndarray, rate: float) -> torch.Tensor:
        """Forward, backward, clip, AdamW."""
        for group, scale in zip(self.adam.param_groups, self.scales, strict=True):
            group["lr"] = rate * scale
        self.adam.zero_grad(set_to_none=True)
        loss = self.loss(torch.from_numpy(tokens_BxL))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), optimizer.CLIP)
        self.adam.step()
        return loss.detach()
