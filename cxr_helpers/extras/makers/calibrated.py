"""A trained experiment with its probabilities put right: one temperature and one threshold, from corrupted validation images.

Validation images come from the folder that was trained on, and a network nearly separates them: as they are they say
little of how sure it may be on images of another folder. Corrupted they say more, and the test images are not asked.
"""

import keras

from cxr_helpers import records
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.makers import joining, saved
from cxr_helpers.extras.networks import joined
from cxr_helpers.extras.statistics import temperature_scaling
from cxr_helpers.records import Product, Record
from cxr_helpers.training import network, rescoring


def make(config: Config, profile: str) -> Product:
    """Fit temperature and threshold (Youden) to a member's corrupted validation images; its scores at that temperature.

    The info holds `temperature` and `threshold`. Where the networks behind the member are on this machine and can be joined,
    they are saved as one, with the temperature in its last layer, so that it answers with these probabilities itself.

    Raises:
        CxrError: not one member is named, it is unknown or not trained, or its models are not on this machine.
    """
    if len(config.members) != 1:
        raise CxrError('Config: a calibrated experiment has one member; name it, as members = ["mobilenetv2_finetuned"].')
    (member,) = joining.paired(config, profile)
    corrupted = rescoring.corrupted_validation(member, profile)
    temperature = temperature_scaling.fit(corrupted)
    threshold = metrics.operating_point(temperature_scaling.tempered(corrupted, temperature))
    info = joining.info([member]) | {"temperature": temperature, "threshold": threshold}
    if model := _model(rescoring.networks(member, profile), profile, temperature):
        info["model_bytes"] = network.save(model, profile, config.run_id)
    return info, {"scores": temperature_scaling.tempered(member.scores, temperature)}


def _model(runs: list[Record], profile: str, temperature: float) -> keras.Model | None:
    """Return the runs' networks as one, its log-odds divided by the temperature; None where they are not here or do not fit."""
    if not all(records.model_path(profile, run.run_id).is_file() for run in runs):
        return None
    models = [saved.of_run(run, profile) for run in runs]
    if len(models) == 1:
        head = models[0].layers[-1]
        head.set_weights([weight / temperature for weight in head.get_weights()])
        return models[0]
    one_size = len({model.input_shape for model in models}) == 1
    return joined.joined(models, temperature) if one_size and all(map(joined.joinable, models)) else None
