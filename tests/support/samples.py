"""What tests of several rooms work on. Not in a conftest: of those there are several."""

from pathlib import Path

ROOT = Path(__file__).parents[2]

TINY = """
general: {project_name: tiny, global_seed: 1}
operation_mode: chain_tqeb
dataset: {name: tiny, keypoints: 17, quantization_split: 0.5}
preprocessing:
  rescaling: {scale: 1/127.5, offset: -1}
  resizing: {interpolation: bilinear, aspect_ratio: fit}
  color_mode: rgb
data_augmentation:
  random_flip: {mode: horizontal}
  random_contrast: {factor: 0.2}
training:
  model: {alpha: 0.35, input_shape: [64, 64, 3], pretrained_weights: None}
  batch_size: 8
  epochs: 2
  optimizer: {Adam: {learning_rate: 0.002}}
quantization: {quantizer: TFlite_converter}
benchmarking: {board: STM32H747I-DISCO, runs: 3}
"""
