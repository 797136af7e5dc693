import type { JobError } from '../../jobs/store/rows.js';
import { PUBLIC_CODES } from '../../routing/error-policy.js';
import { facadeWord } from './facade-words.js';
import { jobFailure } from './job-failure.js';

const failed = (error: Partial<JobError>, names = {}) =>
  jobFailure(
    {
      id: 'job_1',
      status: 'failed',
      error: { code: 'x', message: 'It broke.', param: null, retryable: false, ...error },
    },
    names,
  );

test.each([
  ['content_policy', false, null, 400, 'moderation_blocked', false],
  ['invalid_input', false, 'input.prompt', 400, '400', false],
  ['invalid_input', false, 'images', 400, '400', false],
  ['damaged', false, 'input.images[0]', 422, '422', false],
  ['timeout', false, 'input.images[0]', 422, '422', false],
  ['provider_error', true, null, 503, '503', undefined],
  ['provider_timeout', true, null, 503, '503', undefined],
  ['deadline_exceeded', true, null, 503, '503', undefined],
  ['result_too_large', false, null, 500, '500', false],
] as const)('%s', (code, retryable, param, status, shown, shouldRetry) => {
  const error = failed({ code, retryable, param }, { images: 'image' });
  expect([error.status, error.code, error.detail.shouldRetry]).toEqual([status, shown, shouldRetry]);
  expect(error.message).toBe(`Job job_1 failed (${code}): It broke.`);
  expect(error.param).toBe(param === null ? null : param.replace('input.', '').replace('images', 'image'));
});

test('no code of the error table is a success or lacks its status', () => {
  for (const code of PUBLIC_CODES)
    for (const retryable of [true, false]) expect([400, 422, 500, 503]).toContain(failed({ code, retryable }).status);
});

test('a canceled job is told as such, and SDKs make no other', () => {
  expect(jobFailure({ id: 'job_1', status: 'canceled', error: null })).toMatchObject({
    status: 409,
    message: 'Job job_1 was canceled.',
    detail: { shouldRetry: false },
  });
});

test.each([
  ['input.prompt', 'prompt'],
  ['input.images[1]', 'image[1]'],
  ['input.images[1].upload_id', 'image[1].upload_id'],
  ['input', null],
  ['metadata.a', 'metadata.a'],
])('%s of a job is %s here', (param, word) => {
  expect(facadeWord(param, { images: 'image' })).toBe(word);
});
