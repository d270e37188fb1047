"""The final model on images of other hospitals, and adapted to unlabelled test images: scores that its record keeps."""

from collections.abc import Collection

import pandas as pd

from cxr_helpers.base.progress import say
from cxr_helpers.data import image_files, packing, preprocessing
from cxr_helpers.extras.inference import published_model, test_time_adaptation
from cxr_helpers.extras.makers import rescored, saved
from cxr_helpers.extras.other_sets import adult_images, hospital_images
from cxr_helpers.records import Record
from cxr_helpers.training import rescoring

COLUMNS = [*rescored.COLUMNS[rescoring.EXTERNAL], "age"]
FILES = (rescoring.EXTERNAL, rescoring.NIH, rescoring.LUNGS, rescoring.ADAPTED)
_SETS = {rescoring.NIH: "nih", rescoring.LUNGS: "rsna_lungs"}
_METHODS = {"batch statistics": test_time_adaptation.batch_statistics, "TENT": test_time_adaptation.tent}


def rescore(run: Record, profile: str, wanted: Collection[str] = FILES) -> None:
    """Store what is missing of the run's own files `wanted`, of `FILES` (see `rescoring`), where the images are here.

    The published model scores them if it is the run's, by the steps of `cxr score`; else the run's saved model, of which one
    that is not on this machine is a CxrError.
    """
    made = {rescoring.EXTERNAL: lambda score, *_: rescored.adults(score)} if adult_images.folder() else {}
    made |= {name: _hospital(folder, name) for name, each in _SETS.items() if (folder := hospital_images.folder(each))}
    made[rescoring.ADAPTED] = lambda _, model, config: _adapted(run, profile, model, config)
    if not (missing := [name for name in made if name in wanted and not run.has(name)]):
        return
    model, config = published_model.load(published_model.folder(profile))
    if config.run_id != run.run_id:
        model, config = saved.of_run(run, profile), saved.network_config(run, profile)
    for name in missing:
        say(f"rescore {run.run_id}: {name}")
        run.add(name, rescored.encoded(made[name](rescored.of_model(model, config), model, config), name))


def _hospital(folder, name: str):
    """Return what makes the table of a set of another hospital with a scorer."""

    def scored(score: rescored.Scorer, *_) -> pd.DataFrame:
        table = hospital_images.images(folder)
        images = (preprocessing.resize(image_files.read(path).pixels) for path in table.path)
        table["y_score"] = rescored.batched(score, images)
        if name != rescoring.LUNGS:
            return table[COLUMNS]
        return table.assign(by_mask=hospital_images.by_mask(table))[[*COLUMNS, "by_mask"]]

    return scored


def _adapted(run: Record, profile: str, model, config) -> pd.DataFrame:
    """Return the scores of the official test images, in mixed order, by method."""
    test = run.split("test").sample(frac=1, random_state=0)[["image_id"]]
    images = packing.images(profile, test.image_id, config.size, config.variant)
    parts = [test.assign(method=name, y_score=adapt(model, images).astype(float)) for name, adapt in _METHODS.items()]
    return pd.concat(parts, ignore_index=True)
