"""Training steps are counted where all work is: those of an earlier start too, but not for the speed."""

from types import SimpleNamespace

from hf_selfdemo.core.lines import Lines
from hf_selfdemo.training.progress import report_progress


def test_a_resumed_training_tells_of_all_steps_and_of_its_own_speed():
    seconds, said, callbacks = [0.0], [], []
    lines = Lines("train", said.append, clock=lambda: seconds[0])
    trainer = SimpleNamespace(remove_callback=lambda kind: None, add_callback=callbacks.append)
    report_progress(trainer, lines.advance)
    state = SimpleNamespace(global_step=60, max_steps=100)
    callbacks[0].on_train_begin(None, state, None)
    callbacks[0].on_log(None, state, None, logs={"loss": 0.514})
    for _ in range(10):
        seconds[0] += 2
        callbacks[0].on_step_end(None, state, None)
    lines.tick()
    assert said == ["train (loss 0.51): 70 of 100, 30.0 a minute, about 60 s left"]
