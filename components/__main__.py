"""What a task of a pipeline starts: its component, by KFP's executor."""

import argparse
import json
import logging
import os
import sys
from importlib import import_module

from poseline.garbage import collect_seldom
from poseline.tensorflow_import import import_tensorflow_lean


def main() -> None:
    """Run the component that the command line names on the inputs that KFP's launcher gives."""
    os.environ["_KFP_RUNTIME"] = "true"  # before KFP is imported: without its compiler
    from kfp.dsl.executor import Executor

    logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO)
    parser = argparse.ArgumentParser(prog="python -m poseline_kfp.components")
    parser.add_argument("--function_to_execute", required=True, metavar="NAME")
    parser.add_argument("--executor_input", required=True, metavar="JSON")
    given, _ = parser.parse_known_args()
    collect_seldom()
    import_tensorflow_lean()
    name = given.function_to_execute
    module = import_module(f"poseline_kfp.components.{name}.component")
    Executor(
        executor_input=json.loads(given.executor_input), function_to_execute=getattr(module, name)
    ).execute()


if __name__ == "__main__":
    main()
