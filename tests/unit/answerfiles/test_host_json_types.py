"""The keys of ``host.json`` that are read without the model are keys that the model writes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from answerfiles.model import answers, network, pool, scripts_and_reports, storage
from dom0kit import host_json

PAIRS: tuple[tuple[Any, type[BaseModel]], ...] = (
    (host_json.HostJson, answers.Answers),
    (host_json.NetworkJson, network.Network),
    (host_json.ManagementJson, network.Management),
    (host_json.BridgeJson, network.Bridge),
    (host_json.StaticJson, network.StaticAddress),
    (host_json.GuestsJson, storage.Guests),
    (host_json.PoolJson, pool.Pool),
    (host_json.ReportsJson, scripts_and_reports.Reports),
    (host_json.WebhookJson, scripts_and_reports.Webhook),
)


@pytest.mark.parametrize(("read", "written"), PAIRS, ids=lambda kind: kind.__name__)
def test_every_key_is_written_by_the_model(read: Any, written: type[BaseModel]) -> None:
    assert set(read.__annotations__) <= set(written.model_fields)
