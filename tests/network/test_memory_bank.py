"""Attention over prototypes."""

import torch

from napari_pmrnet.network.memory_bank import MemoryBank


def test_memory_bank_reads_the_matching_prototype() -> None:
    bank = MemoryBank(16, 4, sharpness=1000)
    with torch.no_grad():
        bank.query.weight.copy_(torch.eye(16)[:, :, None, None])
        bank.project.weight.copy_(torch.eye(16)[:, :, None, None])
        x = 3 * bank.prototypes[2].view(1, 16, 1, 1)
        torch.testing.assert_close(bank(x), x + 0.1 * bank.prototypes[2].view(x.shape))


def test_the_read_depends_on_direction_and_not_on_length() -> None:
    bank = MemoryBank(16, 4)
    x = torch.randn(1, 16, 5, 5, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        torch.testing.assert_close(bank(7 * x) - 7 * x, bank(x) - x)


def test_a_bank_of_equal_prototypes_reads_them_everywhere() -> None:
    bank = MemoryBank(16, 4)
    x = torch.randn(1, 16, 5, 5, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        bank.prototypes.copy_(bank.prototypes[:1].expand(4, 16).clone())
        read = bank.project(bank.prototypes[:1, :, None, None])
        torch.testing.assert_close(bank(x), x + 0.1 * read)
