"""diffusers: schedulers, a UNet, an autoencoder, and a whole pipeline."""

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    LMSDiscreteScheduler,
    PNDMScheduler,
    UNet2DConditionModel,
    UNet2DModel,
    UniPCMultistepScheduler,
)
from diffusers.training_utils import EMAModel
from report import TRAINING, show, train

SCHEDULERS = (
    DDPMScheduler,
    DDIMScheduler,
    PNDMScheduler,
    EulerDiscreteScheduler,
    EulerAncestralDiscreteScheduler,
    LMSDiscreteScheduler,
    DPMSolverMultistepScheduler,
    UniPCMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
)
torch.manual_seed(0)
noise = torch.randn(1, 3, 8, 8)


def denoise(scheduler):
    """Some steps with a model that says a little of everything is noise."""
    scheduler.set_timesteps(6)
    sample = noise * getattr(scheduler, "init_noise_sigma", 1.0)
    for t in scheduler.timesteps:
        scaled = sample
        if hasattr(scheduler, "scale_model_input"):
            scaled = scheduler.scale_model_input(sample, t)
        sample = scheduler.step(scaled.tanh() * 0.5, t, sample).prev_sample
    return sample


for kind in SCHEDULERS:
    torch.manual_seed(0)
    scheduler = kind(num_train_timesteps=100)
    show(kind.__name__, [denoise(scheduler), scheduler.timesteps])

torch.manual_seed(0)
unet = UNet2DModel(
    sample_size=8,
    block_out_channels=(8, 16),
    layers_per_block=1,
    down_block_types=("DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    norm_num_groups=4,
    attention_head_dim=4,
)
scheduler = DDPMScheduler(num_train_timesteps=100)
times = torch.tensor([3, 50])
images = torch.randn(2, 3, 8, 8)
target = torch.randn_like(images)
noisy = scheduler.add_noise(images, target, times)
average = EMAModel(unet.parameters(), decay=0.9)
loss = lambda: torch.nn.functional.mse_loss(unet(noisy, times).sample, target)
show("unet", unet(noisy, times).sample)
show("unet trained", train(unet.parameters(), loss, 4), TRAINING)
average.step(unet.parameters())
show("average", average.shadow_params[:3], TRAINING)
pipeline = DDPMPipeline(unet, scheduler)
pipeline.set_progress_bar_config(disable=True)
made = pipeline(num_inference_steps=4, generator=torch.Generator().manual_seed(1), output_type="np")
show("pipeline", torch.from_numpy(made.images), TRAINING)
unet.save_pretrained("unet")
loaded = UNet2DModel.from_pretrained("unet")
show("loaded", loaded(noisy, times).sample, TRAINING)

torch.manual_seed(0)
conditional = UNet2DConditionModel(
    sample_size=8,
    in_channels=4,
    out_channels=4,
    block_out_channels=(8, 16),
    layers_per_block=1,
    down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
    up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    norm_num_groups=4,
    cross_attention_dim=12,
    attention_head_dim=4,
)
context = torch.randn(2, 5, 12)
latent = torch.randn(2, 4, 8, 8)
loss = lambda: conditional(latent, times, context).sample.square().mean()
show("conditional", conditional(latent, 7, context).sample)
show("conditional trained", train(conditional.parameters(), loss, 3), TRAINING)

torch.manual_seed(0)
autoencoder = AutoencoderKL(
    block_out_channels=(8, 16),
    down_block_types=("DownEncoderBlock2D",) * 2,
    up_block_types=("UpDecoderBlock2D",) * 2,
    latent_channels=4,
    norm_num_groups=4,
)
posterior = autoencoder.encode(images).latent_dist
show("posterior", [posterior.mean, posterior.std, posterior.kl()])
torch.manual_seed(2)
show("decoded", autoencoder.decode(posterior.sample()).sample)
