"""From COCO to batches: conversion, reading, preprocessing, augmentation, targets."""
