import type { Kiln } from '../support/kiln.js';
import { type AliasRun, testAliases } from '../support/run-alias.js';
import { googleKiln } from './google-kiln.js';

let kiln: Kiln;
let drop: () => Promise<void>;
beforeAll(async () => {
  ({ kiln, drop } = await googleKiln());
});
afterAll(() => drop());

type Row = Omit<AliasRun, 'expect'> & { expect: Omit<AliasRun['expect'], 'type'> };
const typed = (rows: Row[], type: AliasRun['expect']['type']): AliasRun[] =>
  rows.map((row) => ({ ...row, expect: { type, ...row.expect } }));

const LANDSCAPE = { width: 1280, height: 720 };
const short = { prompt: 'a kite over dunes', duration_seconds: 4 };
const long = { prompt: 'a kite over dunes', duration_seconds: 8 };

/** What both wires and both models do. */
const veo = (model: string, only: string, upstreamModel: string): Row[] => [
  {
    model,
    only,
    operation: 'text_to_video',
    input: short,
    expect: { ...LANDSCAPE, seconds: 4, sound: true, contentType: 'video/mp4', upstreamModel, substituted: false },
  },
  {
    model,
    only,
    operation: 'text_to_video',
    input: { ...short, duration_seconds: 6, aspect_ratio: '9:16', negative_prompt: 'text', fps: 24 },
    expect: { width: 720, height: 1280, seconds: 6 },
  },
  {
    model,
    only,
    operation: 'image_to_video',
    input: short,
    files: { image: 'image' },
    expect: { ...LANDSCAPE, seconds: 4 },
  },
  {
    model,
    only,
    operation: 'first_last_frame',
    input: short,
    files: { image: 'image', last_image: 'image' },
    expect: { ...LANDSCAPE, seconds: 4 },
  },
  {
    model,
    only,
    operation: 'reference_to_video',
    input: long,
    files: { reference_images: ['image', 'square', 'image'] },
    expect: { ...LANDSCAPE, seconds: 8 },
  },
];

const onVertex = (model: string): Row[] => [
  {
    model,
    only: 'vertex',
    operation: 'text_to_video',
    input: { ...short, seed: 7 },
    expect: { ...LANDSCAPE, seconds: 4 },
  },
  {
    model,
    only: 'vertex',
    operation: 'text_to_video',
    input: { ...short, generate_audio: false },
    providerOptions: { google: { person_generation: 'allow_adult' } },
    expect: { ...LANDSCAPE, seconds: 4, sound: false },
  },
];

const sharp = (model: string, only: string, resolution: string, width: number, height: number): Row => ({
  model,
  only,
  operation: 'text_to_video',
  input: { ...long, resolution },
  expect: { width, height, seconds: 8, sound: true },
});

const omni = { model: 'gemini-omni-1.1-flash', only: 'gemini' };
const omniRows: Row[] = [
  {
    ...omni,
    operation: 'text_to_video',
    input: { prompt: 'a kite', duration_seconds: 3, aspect_ratio: '9:16', seed: 7 },
    expect: { width: 720, height: 1280, seconds: 3, sound: true, contentType: 'video/mp4' },
  },
  {
    ...omni,
    operation: 'image_to_video',
    input: { prompt: 'the boat leaves', duration_seconds: 5, resolution: '1080p' },
    files: { image: 'image' },
    expect: { width: 1920, height: 1080, seconds: 5, sound: true },
  },
  {
    ...omni,
    operation: 'reference_to_video',
    input: { prompt: 'these two at sea', duration_seconds: 4 },
    files: { reference_images: ['square', 'image'] },
    expect: { ...LANDSCAPE, seconds: 4, sound: true },
  },
];

const picture = (only: string, upstreamModel: string, substituted: boolean): Row[] => {
  const common = { model: 'nano-banana-2', only };
  const prompt = 'a shop sign that says OPEN';
  const of = { upstreamModel, substituted, contentType: 'image/png' };
  return [
    {
      ...common,
      operation: 'text_to_image',
      input: { prompt },
      expect: { width: 1024, height: 1024, ...of },
    },
    {
      ...common,
      operation: 'text_to_image',
      input: { prompt, aspect_ratio: '21:9', resolution: '2K', seed: 7 },
      expect: { width: 3168, height: 1344, ...of },
    },
    {
      ...common,
      operation: 'text_to_image',
      input: { prompt, aspect_ratio: '8:1' },
      expect: { width: 3072, height: 384, ...of },
    },
    {
      ...common,
      operation: 'image_to_image',
      input: { prompt: 'make it night' },
      files: { images: ['image'] },
      expect: { width: 1376, height: 768, ...of },
    },
    {
      ...common,
      operation: 'image_to_image',
      input: { prompt: 'all of these on one table', aspect_ratio: '1:1' },
      files: { images: Array.from({ length: 14 }, (_, index) => (index % 2 === 0 ? 'square' : 'image')) },
      expect: { width: 1024, height: 1024, ...of },
    },
  ];
};
const small = (only: string): Row => ({
  model: 'nano-banana-2',
  only,
  operation: 'text_to_image',
  input: { prompt: 'a leaf', resolution: '512' },
  expect: { width: 512, height: 512 },
});
const huge = (only: string): Row => ({
  model: 'nano-banana-2',
  only,
  operation: 'text_to_image',
  input: { prompt: 'a leaf', resolution: '4K' },
  expect: { width: 4096, height: 4096 },
});

const song = (only: string, upstreamModel: string, substituted: boolean): Row[] => {
  const common = { model: 'lyria-3', only, operation: 'generate' };
  const of = { upstreamModel, substituted };
  return [
    {
      ...common,
      input: { prompt: 'slow rain', duration_seconds: 12 },
      expect: {
        seconds: 12,
        contentType: 'audio/mpeg',
        warnings: /duration_seconds 12 was written into the prompt/,
        ...of,
      },
    },
    {
      ...common,
      input: { prompt: 'slow rain', duration_seconds: 10, instrumental: true, format: 'wav' },
      expect: { seconds: 10, contentType: 'audio/wav', ...of },
    },
    {
      ...common,
      input: { prompt: 'slow rain', duration_seconds: 10, lyrics: '[Verse]\nDrops on the roof', format: 'mp3' },
      expect: { seconds: 10, contentType: 'audio/mpeg', ...of },
    },
  ];
};

const rows: AliasRun[] = [
  ...typed(
    [
      ...veo('veo-3.1', 'vertex', 'veo-3.1-generate-001'),
      ...veo('veo-3.1', 'gemini', 'veo-3.1-generate-preview'),
      ...veo('veo-3.1-fast', 'vertex', 'veo-3.1-fast-generate-001'),
      ...veo('veo-3.1-fast', 'gemini', 'veo-3.1-fast-generate-preview'),
      ...onVertex('veo-3.1'),
      ...onVertex('veo-3.1-fast'),
      sharp('veo-3.1', 'vertex', '1080p', 1920, 1080),
      sharp('veo-3.1', 'gemini', '1080p', 1920, 1080),
      sharp('veo-3.1-fast', 'vertex', '1080p', 1920, 1080),
      sharp('veo-3.1-fast', 'gemini', '1080p', 1920, 1080),
      sharp('veo-3.1', 'vertex', '4k', 3840, 2160),
      sharp('veo-3.1-fast', 'gemini', '4k', 3840, 2160),
      ...omniRows,
    ],
    'video',
  ),
  ...typed(
    [
      ...picture('vertex', 'gemini-3.1-flash-image', false),
      ...picture('gemini', 'gemini-3.1-flash-image', false),
      ...picture('successor', 'gemini-nano-banana-2.1', true),
      small('vertex'),
      small('gemini'),
      huge('vertex'),
      huge('successor'),
    ],
    'image',
  ),
  ...typed([...song('pro', 'lyria-3-pro-preview', false), ...song('successor', 'lyria-3.5', true)], 'audio'),
];

describe('every route makes what was asked for', () => {
  testAliases(rows, () => kiln);
});
