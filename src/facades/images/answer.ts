import type { OutputRow } from '../../assets/outputs.js';
import type { JobRow } from '../../jobs/store/rows.js';
import type { ImagesCall } from './request.js';

/** What the answer says of all its pictures; shapes as `ImagesResponse` of OpenAI's SDK. */
interface About {
  background?: string;
  output_format?: string;
  quality?: string;
  size?: string;
  usage?: Usage;
}

interface Usage {
  input_tokens: number;
  input_tokens_details: { image_tokens: number; text_tokens: number };
  output_tokens: number;
  total_tokens: number;
}

/** One picture of the answer: where its bytes or its link come from. */
export interface Picture {
  row: Pick<OutputRow, 'contentType' | 'width' | 'height'>;
  /** Its bytes, to be sent as base64, or its link. */
  content: { bytes: () => Promise<AsyncIterable<Buffer>> } | { url: string };
}

type AnsweredJob = Pick<JobRow, 'createdAt' | 'input' | 'price'>;

/** The body of an answer in pieces: pictures go from the object store to the socket, whole in memory never. */
export async function* answerPieces(job: AnsweredJob, pictures: readonly Picture[]): AsyncGenerator<string> {
  yield `{"created":${unixSeconds(job.createdAt)},"data":[`;
  for (const [index, { content }] of pictures.entries()) {
    if (index > 0) yield ',';
    if ('url' in content) yield JSON.stringify({ url: content.url });
    else {
      yield '{"b64_json":"';
      yield* base64(await content.bytes());
      yield '"}';
    }
  }
  yield `],${JSON.stringify(aboutOf(job, pictures[0]?.row)).slice(1)}`;
}

/** One `*.completed` event in pieces. Its type requires every field, so what the job does not say is `auto`. */
export async function* completedEvent(
  call: ImagesCall,
  job: AnsweredJob,
  { row, content }: Picture,
): AsyncGenerator<string> {
  if ('url' in content) throw new Error('events carry bytes');
  const type = call === 'generation' ? 'image_generation.completed' : 'image_edit.completed';
  const about = { background: 'auto', quality: 'auto', size: 'auto', usage: usageOf(job), ...aboutOf(job, row) };
  const head = JSON.stringify({ type, created_at: unixSeconds(job.createdAt), ...about });
  yield `event: ${type}\ndata: ${head.slice(0, -1)},"b64_json":"`;
  yield* base64(await content.bytes());
  yield '"}\n\n';
}

function aboutOf(job: AnsweredJob, row: Picture['row'] | undefined): About {
  const { background, quality } = job.input;
  return {
    ...(typeof background === 'string' && background !== 'auto' && { background }),
    ...(row && { output_format: row.contentType.replace('image/', '') }),
    ...(typeof quality === 'string' && { quality }),
    ...(row?.width && row.height && { size: `${row.width}x${row.height}` }),
    ...(job.price.unit === 'token' && { usage: usageOf(job) }),
  };
}

/** The tokens that are charged. An alias priced by the picture counts none. */
function usageOf({ price }: AnsweredJob): Usage {
  const tokens = price.unit === 'token' ? price.quantity : 0;
  return {
    input_tokens: 0,
    input_tokens_details: { image_tokens: 0, text_tokens: 0 },
    output_tokens: tokens,
    total_tokens: tokens,
  };
}

/** Three bytes are four characters: what is left of a chunk goes with the next. */
export async function* base64(bytes: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    const whole = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const end = whole.length - (whole.length % 3);
    yield whole.toString('base64', 0, end);
    rest = whole.subarray(end);
  }
  if (rest.length > 0) yield rest.toString('base64');
}

const unixSeconds = (date: Date): number => Math.floor(date.getTime() / 1000);
