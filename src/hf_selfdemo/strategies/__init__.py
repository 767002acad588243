"""What to ask the model and which reply to train on: one file a method, behind the `Strategy` protocol."""

STRATEGIES = {
    "self_demo": "hf_selfdemo.strategies.self_demo:SelfDemo",
    "ra_it": "hf_selfdemo.strategies.ra_it:RaIt",
    "raft": "hf_selfdemo.strategies.raft:Raft",
}
