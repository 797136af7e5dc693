import { isId } from '../../common/ids.js';

const JOB = 'job_';
const VIDEO = 'video_';

/** A video is a job under the name that OpenAI's clients expect: the same suffix behind another prefix. */
export const videoIdOf = (jobId: string): string => VIDEO + jobId.slice(JOB.length);

/** The job's id; null for what is no video's id. */
export function jobIdOf(videoId: string): string | null {
  const jobId = JOB + videoId.slice(VIDEO.length);
  return videoId.startsWith(VIDEO) && isId('job', jobId) ? jobId : null;
}
