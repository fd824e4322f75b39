"""Folders that can be served load; others are refused with a sentence that says why."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from services.vlm.engine import Engine
from services.vlm.folder import FolderRefused
from services.vlm.loading import load
from services.vlm.settings import VlmSettings


@pytest.fixture
def copy(tiny_folder, tmp_path):
    """A copy of the tiny folder that a test may spoil."""
    folder = tmp_path / "copy"
    shutil.copytree(tiny_folder, folder)
    return folder


def load_folder(folder, **settings):
    return load(VlmSettings(vlm_model=folder, vlm_threads=1, **settings))


def test_a_folder_loads_with_what_it_says_about_itself(engine):
    vlm = engine.vlm
    assert vlm.name == "tiny"
    assert vlm.context == 1024
    assert vlm.eos_ids == (2,)
    assert vlm.dtype == torch.float32
    assert vlm.image_token_id == vlm.tokenizer.convert_tokens_to_ids("<image>")
    assert vlm.temperature == 0
    assert vlm.folder.copy_arguments is None


def test_the_folders_own_sampling_is_the_default_and_bfloat16_can_be_asked_for(copy):
    path = copy / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "do_sample": True, "temperature": 0.7, "top_p": 0.8}))
    settings = VlmSettings(vlm_model=copy, vlm_threads=1, vlm_dtype="bfloat16", vlm_name="mine")
    vlm = load(settings)
    assert (vlm.name, vlm.temperature, vlm.top_p, vlm.dtype) == ("mine", 0.7, 0.8, torch.bfloat16)
    engine = Engine(vlm, settings)
    assert engine.vlm.model.generation_config.temperature is None


def test_a_folder_with_only_pickle_weights_is_refused(copy):
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(b"\x80\x04N.")
    with pytest.raises(FolderRefused, match="pickle"):
        load_folder(copy)


def test_an_adapter_beside_the_weights_is_refused(copy):
    (copy / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    with pytest.raises(FolderRefused, match="holds an adapter"):
        load_folder(copy)


def test_a_folder_without_weights_or_without_anything_is_refused(copy, tmp_path):
    (copy / "model.safetensors").unlink()
    with pytest.raises(FolderRefused, match="safetensors"):
        load_folder(copy)
    with pytest.raises(FolderRefused, match="DIPTYCH_VLM_MODEL"):
        load_folder(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_type": "no-such-family"}, "cannot be loaded"),
        ({"model_type": "llama"}, "cannot be loaded"),
        ({"auto_map": {"AutoConfig": "evil.Config"}, "model_type": "evil"}, "cannot be loaded"),
    ],
)
def test_a_model_of_another_kind_or_with_code_of_its_own_is_refused(copy, change, reason):
    path = copy / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    (copy / "evil.py").write_text("raise SystemExit('code from the folder was run')")
    with pytest.raises(FolderRefused, match=reason):
        load_folder(copy)


def test_damaged_or_missing_weights_are_refused(copy):
    path = copy / "model.safetensors"
    weights = {name: tensor.clone() for name, tensor in load_file(path).items()}
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(FolderRefused, match="cannot be loaded"):
        load_folder(copy)
    del weights["multi_modal_projector.linear_1.weight"]
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(FolderRefused, match="lacks 1 weights"):
        load_folder(copy)


def test_a_folder_without_a_chat_template_is_refused(copy):
    (copy / "chat_template.jinja").unlink()
    with pytest.raises(FolderRefused, match="chat template"):
        load_folder(copy)


@pytest.mark.parametrize("text", ["{", '{"tool_call": {"start": "x"}}', '{"copy_arguments": {"prefix": 3}}', "[]"])
def test_a_diptych_json_of_another_form_is_refused(copy, text):
    (copy / "diptych.json").write_text(text)
    with pytest.raises(FolderRefused, match=r"diptych\.json"):
        load_folder(copy)


def test_markers_of_the_folders_own_are_used(copy, make_tool, ask):
    (copy / "diptych.json").write_text(json.dumps({"tool_call": {"begin": "<tool_call>\n", "end": "\n</tool_call>"}}))
    settings = VlmSettings(vlm_model=copy, vlm_threads=1)
    own = Engine(load(settings), settings)
    answer = ask(own, tools=[make_tool("stop", {})], tool_choice="required", seed=1, parallel_tool_calls=False)
    assert [(call.name, call.arguments) for call in answer.calls] == [("stop", "{}")]


def test_a_marker_that_hides_its_control_token_is_refused(copy):
    (copy / "diptych.json").write_text(json.dumps({"tool_call": {"begin": "call: <tool_call>", "end": "\n"}}))
    settings = VlmSettings(vlm_model=copy, vlm_threads=1)
    with pytest.raises(FolderRefused, match="must begin"):
        Engine(load(settings), settings)


def test_a_gpu_that_is_not_there_is_refused(tiny_folder):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(FolderRefused, match="no GPU"):
        load_folder(tiny_folder, vlm_device="cuda")
