"""A trained system with its probabilities put right: one temperature and one threshold, from disturbed validation films.

Validation films come from the folder that was trained on, and a network nearly separates them: as they are they say
little of how sure it may be on films of another folder. Disturbed they say more, and the test films are not asked.
"""

from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import calibration, operating_point
from cxr_helpers.records import Record
from cxr_helpers.systems import members, network, product, rescoring, saved
from cxr_helpers.systems.product import Product


def make(config: Config, profile: str) -> Product:
    """Fit temperature and threshold (Youden) to a member's disturbed validation films; its scores at that temperature.

    The info holds `temperature` and `threshold`. Where the member is one network and on this machine, it is saved with
    the temperature in its last layer, so that it answers with these probabilities itself.

    Raises:
        CxrError: not one member is named, it is unknown or not trained, or its models are not on this machine.
    """
    if len(config.members) != 1:
        raise CxrError('Config: a calibrated system has one member; name it, as members = ["mobilenetv2_finetuned"].')
    (member,) = members.paired(config, profile)
    disturbed = rescoring.disturbed_validation(member, profile)
    temperature = calibration.fit_temperature(disturbed)
    threshold = operating_point.choose(calibration.tempered(disturbed, temperature))
    info = members.info([member]) | {"temperature": temperature, "threshold": threshold}
    if product.model_path(profile, member.run_id).is_file():
        info["model_bytes"] = _save(member, config, profile, temperature)
    return Product(info, {"scores": calibration.tempered(member.scores, temperature)})


def _save(member: Record, config: Config, profile: str, temperature: float) -> int:
    """Save the member's network with the logits of its last layer divided by the temperature; return the file's bytes."""
    model = saved.of_run(member, profile)
    head = model.layers[-1]
    head.set_weights([weight / temperature for weight in head.get_weights()])
    return network.save(model, profile, config.run_id)
