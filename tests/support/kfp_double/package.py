"""A small pipeline, as KFP compiles it."""

PACKAGE = """\
# PIPELINE DEFINITION
components:
  comp-train: {executorLabel: exec-train}
  comp-quantize: {executorLabel: exec-quantize}
deploymentSpec:
  executors:
    exec-train: {container: {command: [sh], image: a}}
    exec-quantize: {container: {command: [sh], image: a}}
pipelineInfo: {name: poseline-chain-tqe, description: 'train, quantize'}
root:
  dag:
    tasks:
      train: {componentRef: {name: comp-train}, taskInfo: {name: train}}
      quantize:
        componentRef: {name: comp-quantize}
        dependentTasks: [train]
        taskInfo: {name: quantize}
  inputDefinitions:
    parameters:
      config: {defaultValue: '', parameterType: STRING}
      epochs: {defaultValue: 0, parameterType: NUMBER_INTEGER}
schemaVersion: 2.1.0
sdkVersion: kfp-2.17.0
"""
