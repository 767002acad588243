"""What to ask the model and which reply to train on: one file a method, behind the `Strategy` protocol."""

STRATEGIES = {
    "self_demo": "hf_selfdemo.methods.self_demo:SelfDemo",
    "ra_it": "hf_selfdemo.methods.ra_it:RaIt",
    "raft": "hf_selfdemo.methods.raft:Raft",
}
