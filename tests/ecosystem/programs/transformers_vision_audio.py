"""transformers: models of images, of images with text, and of sound."""

import torch
from report import TRAINING, show, train
from transformers import (
    CLIPConfig,
    CLIPModel,
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    WhisperConfig,
    WhisperForConditionalGeneration,
)

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
torch.manual_seed(0)
images = torch.randn(2, 3, 32, 32)
ids = torch.arange(16).reshape(2, 8) * 5 % 49
labels = torch.tensor([1, 0])

vit = ViTForImageClassification(ViTConfig(**SMALL, image_size=32, patch_size=8, num_labels=3))
show("vit logits", vit.eval()(images).logits)
show("vit interpolated", vit(torch.randn(1, 3, 48, 48), interpolate_pos_encoding=True).logits)
loss = lambda: vit(images, labels=labels).loss
show("vit", train(vit.train().parameters(), loss, 3), TRAINING)

sizes = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}
resnet = ResNetForImageClassification(ResNetConfig(**sizes, num_labels=3))
loss = lambda: resnet(images, labels=labels).loss
show("resnet", train(resnet.train().parameters(), loss, 3), TRAINING)
show("resnet logits", resnet.eval()(images).logits, TRAINING)

clip = CLIPModel(
    CLIPConfig(
        text_config={**SMALL, "vocab_size": 49, "max_position_embeddings": 16, "eos_token_id": 48},
        vision_config={**SMALL, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
)
out = clip.eval()(input_ids=ids, pixel_values=images)
show("clip", [out.logits_per_image, out.text_embeds, out.image_embeds])
loss = lambda: clip(input_ids=ids, pixel_values=images, return_loss=True).loss
show("clip trained", train(clip.train().parameters(), loss, 3), TRAINING)

sizes = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "num_mel_bins": 8,
    "max_source_positions": 16,
    "max_target_positions": 24,
}
tokens = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
whisper = WhisperForConditionalGeneration(WhisperConfig(**sizes, vocab_size=99, **tokens))
sound = torch.randn(2, 8, 32)
show("whisper logits", whisper.eval()(sound, labels=ids).logits)
loss = lambda: whisper(sound, labels=ids).loss
show("whisper", train(whisper.train().parameters(), loss, 3), TRAINING)
