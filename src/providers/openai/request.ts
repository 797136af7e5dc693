import type { TaskShape } from '../contract.js';
import { unsupportedImage } from './image-request.js';
import { settingsShape } from './options.js';
import { unsupportedVideo } from './video-request.js';

/** Why a job can't go to this route, by the wire that its settings name. */
export function unsupported(shape: TaskShape): string[] {
  const settings = settingsShape.parse(shape.settings);
  if (settings.wire === 'videos')
    return shape.modality === 'video' ? unsupportedVideo(shape) : [`the Videos API makes no ${shape.modality}`];
  return shape.modality === 'image' ? unsupportedImage(shape, settings) : [`the Images API makes no ${shape.modality}`];
}
