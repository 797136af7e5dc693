import { writeFile } from 'node:fs/promises';
import type { Ffmpeg } from './ffmpeg.js';
import { synthesiseLoop } from './music.js';
import { renderPicture, seedHue } from './picture.js';
import type { Clip } from './recipes.js';

const SOUND_BPM = 100;
/** Longest fade to the last picture: each frame of one costs as much as four others. */
const FADE_MAX_SECONDS = 10;

/** `hsl(hue, 85%, 60%)` as ffmpeg writes colours. */
function accentColour(hue: number): string {
  const channel = (offset: number) => {
    const position = (offset + hue / 30) % 12;
    const value = 0.6 - 0.34 * Math.max(-1, Math.min(position - 3, 9 - position, 1));
    return Math.round(value * 255)
      .toString(16)
      .padStart(2, '0');
  };
  return `0x${channel(0)}${channel(8)}${channel(4)}`;
}

/** Renders an H.264 MP4 of exactly `frames` frames: the picture, a bar that grows with time and a block that travels. */
export async function renderClip(ffmpeg: Ffmpeg, clip: Clip, scratch: string, output: string): Promise<void> {
  const { width, height, fps, frames } = clip;
  const seconds = frames / fps;
  const first = `${scratch}.first.png`;
  await writeFile(first, await renderPicture({ kind: 'scaled', of: clip.first, width, height, fit: 'cover' }));
  const colour = accentColour((seedHue(clip.seed) + 180) % 360);
  const barHeight = Math.max(2, 2 * Math.round(height / 120));
  const blockSize = Math.max(4, 2 * Math.round(Math.min(width, height) / 24));
  const inputs = [
    ['-framerate', String(fps), '-i', first],
    ['-f', 'lavfi', '-i', `color=c=${colour}:s=${width}x${barHeight}:r=${fps}`],
    ['-f', 'lavfi', '-i', `color=c=${colour}:s=${blockSize}x${blockSize}:r=${fps}`],
  ];
  const held = `loop=loop=-1:size=1:start=0,setpts=N/(${fps}*TB)`;
  const graph = [`[0:v]format=yuv420p,${held}[ground]`];
  let ground = '[ground]';
  if (clip.last !== null) {
    const last = `${scratch}.last.png`;
    await writeFile(last, await renderPicture({ kind: 'scaled', of: clip.last, width, height, fit: 'cover' }));
    inputs.push(['-framerate', String(fps), '-i', last]);
    const fade = Math.min(seconds, FADE_MAX_SECONDS);
    const from = seconds - fade;
    graph.push(
      `[3:v]format=yuva420p,${held},fade=t=in:st=${from.toFixed(3)}:d=${fade.toFixed(3)}:alpha=1[last]`,
      `${ground}[last]overlay${from > 0 ? `=enable='gte(t,${from.toFixed(3)})'` : ''}[faded]`,
    );
    ground = '[faded]';
  }
  graph.push(
    `${ground}[1:v]overlay=x='-W+W*(n+1)/${frames}':y=H-h[bar]`,
    `[bar][2:v]overlay=x='abs(mod(n*W/72\\,2*(W-w))-(W-w))':y='H*0.06',format=yuv420p[v]`,
  );
  const sound: string[] = [];
  if (clip.sound) {
    const loop = `${scratch}.wav`;
    await writeFile(loop, synthesiseLoop(clip.seed, SOUND_BPM));
    const index = clip.last === null ? 3 : 4;
    inputs.push(['-stream_loop', '-1', '-i', loop]);
    sound.push('-map', `${index}:a`, '-c:a', 'aac', '-b:a', '96k', '-ac', '2');
  }
  await ffmpeg.run([
    ...inputs,
    ['-filter_complex_threads', '1', '-filter_complex', graph.join(';'), '-map', '[v]', ...sound],
    ['-frames:v', String(frames), '-t', seconds.toFixed(6), '-r', String(fps)],
    ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-threads', '1'],
    ['-map_metadata', '-1', '-fflags', '+bitexact', '-flags:v', '+bitexact', '-flags:a', '+bitexact'],
    ['-movflags', '+faststart'],
    ['-f', 'mp4', output],
  ]);
}
