"""The results of a run as repositories on the Hub that anybody can use."""
