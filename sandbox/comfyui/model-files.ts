/** Files that lie in this emulator's model folders. */
export const MODEL_FILES = {
  diffusion_models: [
    'flux1-dev.safetensors',
    'flux1-schnell.safetensors',
    'wan2.2_ti2v_5B_fp16.safetensors',
    'wan2.2_t2v_high_noise_14B_fp8_scaled.safetensors',
    'wan2.2_t2v_low_noise_14B_fp8_scaled.safetensors',
    'FramePackI2V_HY_fp8_e4m3fn.safetensors',
  ],
  text_encoders: [
    'clip_l.safetensors',
    't5xxl_fp16.safetensors',
    't5xxl_fp8_e4m3fn.safetensors',
    't5xxl_fp8_e4m3fn_scaled.safetensors',
    'umt5_xxl_fp8_e4m3fn_scaled.safetensors',
    'gemma_3_12B_it_fp4_mixed.safetensors',
    'llava_llama3_fp16.safetensors',
  ],
  clip_vision: ['sigclip_vision_patch14_384.safetensors'],
  vae: ['ae.safetensors', 'wan2.2_vae.safetensors', 'wan_2.1_vae.safetensors', 'hunyuan_video_vae_bf16.safetensors'],
  checkpoints: [
    'flux1-dev-fp8.safetensors',
    'flux1-schnell-fp8.safetensors',
    'ltx-2-19b-dev-fp8.safetensors',
    'ace_step_1.5_turbo_aio.safetensors',
  ],
  latent_upscale_models: ['ltx-2-spatial-upscaler-x2-1.0.safetensors'],
  loras: [
    'sandbox-style.safetensors',
    'flux-realism.safetensors',
    'flux-anime.safetensors',
    'ltx-2-19b-distilled-lora-384.safetensors',
  ],
} as const;
