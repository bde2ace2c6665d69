"""OKS, COCO AP, PCK and their plots."""
