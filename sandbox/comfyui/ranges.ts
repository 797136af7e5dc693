import { int } from './input-types.js';

/** Ranges that many node classes share. */
export const MAX_RESOLUTION = 16_384;
/** ComfyUI allows seeds up to 2^64-1; as a double that is 2^64. */
const MAX_SEED = 2 ** 64;

export const side = (least: number, standard: number, step: number) => int(least, MAX_RESOLUTION, standard, step);
export const batch = int(1, 4_096, 1);
export const seed = int(0, MAX_SEED, 0);

export const SAMPLERS = [
  'euler',
  'euler_cfg_pp',
  'euler_ancestral',
  'euler_ancestral_cfg_pp',
  'heun',
  'heunpp2',
  'dpm_2',
  'dpm_2_ancestral',
  'lms',
  'dpm_fast',
  'dpm_adaptive',
  'dpmpp_2s_ancestral',
  'dpmpp_sde',
  'dpmpp_sde_gpu',
  'dpmpp_2m',
  'dpmpp_2m_sde',
  'dpmpp_2m_sde_gpu',
  'dpmpp_3m_sde',
  'dpmpp_3m_sde_gpu',
  'ddpm',
  'lcm',
  'ipndm',
  'ipndm_v',
  'deis',
  'res_multistep',
  'gradient_estimation',
  'er_sde',
  'ddim',
  'uni_pc',
  'uni_pc_bh2',
];
