"""`python -m hf_selfdemo`, and so `accelerate launch -m hf_selfdemo train --config recipe.yaml` on several devices."""

import sys

from hf_selfdemo.verbs.cli import main

sys.exit(main())
