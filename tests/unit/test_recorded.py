"""A chapter's parameter names experiments of one kind; any other name is refused in one sentence."""

import pytest

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.makers import recorded


@pytest.mark.parametrize("name", ["vgg16_thesis", "nonsense"])
def test_what_is_no_cascade_is_refused_with_those_there_are(name):
    sentence = f"'{name}' is no cascade of experiments.toml; choose among cascade_mobilenetv2, cascade_resnet50, cascade_vgg16"
    with pytest.raises(CxrError, match=sentence):
        recorded.of(["cascade_mobilenetv2", name], "cascade", "full")


def test_each_name_counts_once_and_has_its_runs():
    found = recorded.of(["cascade_mobilenetv2", "cascade_mobilenetv2"], "cascade", "full")
    assert list(found) == ["cascade_mobilenetv2"]
    assert {run.config.model for run in found["cascade_mobilenetv2"]} == {"cascade"}
