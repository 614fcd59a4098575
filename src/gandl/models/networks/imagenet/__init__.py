"""imagenet: networks trained on ImageNet, frozen. Takes a network's name and its weights file, makes features and maps of images.

EfficientNet-Lite0 is written here, and its weights come with a package; DenseNet-121 and ResNet-50 are MONAI's, and their weights
are downloaded (rule `pretrained`).
"""

__all__ = ["perceptual", "pretrained"]
