"""Random changes of training pictures, with the keypoints and boxes moved along."""
