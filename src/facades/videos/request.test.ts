import { parseInput } from '../../catalog/input.js';
import { clipJob, videoIdIn } from './clip-request.js';
import { assertVideoModel, modelNameOf, videoJob } from './request.js';
import { model, refusal, videoModels } from './test-models.js';

const UPLOAD = 'upload_01h455vb4pex5vsknk084sn02q';
const JOB = 'job_01h455vb4pex5vsknk084sn02q';
const json = (fields: Record<string, unknown>) => ({ fields, isText: false });
const text = (fields: Record<string, unknown>) => ({ fields, isText: true });

describe('videoJob', () => {
  it("reads what OpenAI's clients send, as JSON and as a form", () => {
    const fields = { model: 'kling-3.0', prompt: 'a fox', seconds: '8', size: '720x1280' };
    const job = {
      model: 'kling-3.0',
      input: { prompt: 'a fox', duration_seconds: 8, resolution: '720p', aspect_ratio: '9:16' },
      options: {},
      names: expect.objectContaining({ prompt: 'prompt', duration_seconds: 'seconds', resolution: 'size' }),
    };
    expect(videoJob(model('kling-3.0'), json(fields))).toEqual(job);
    expect(videoJob(model('kling-3.0'), text(fields))).toEqual(job);
    expect(videoJob(model('kling-3.0'), json({ ...fields, seconds: 8 }))).toEqual(job);
  });

  it.each([
    [{ image_url: 'https://example.com/fox.png' }, 'https://example.com/fox.png'],
    [{ image_url: 'data:image/png;base64,iVBORw0KGgo=' }, 'data:image/png;base64,iVBORw0KGgo='],
    [{ file_id: UPLOAD }, UPLOAD],
    [{ image_url: 'https://example.com/fox.png', file_id: null }, 'https://example.com/fox.png'],
    // A file of the form, and what a job takes.
    [{ upload_id: UPLOAD }, { upload_id: UPLOAD }],
    [UPLOAD, UPLOAD],
  ])('takes %j for a first frame', (reference, image) => {
    const { input, names } = videoJob(model('sora-2'), json({ prompt: 'x', input_reference: reference }));
    expect(input['image']).toEqual(image);
    expect(names['image']).toBe('input_reference');
  });

  it('leaves the shape to the first frame where the model does, since clients send both', () => {
    const fields = { prompt: 'x', size: '1920x1080', input_reference: UPLOAD };
    expect(videoJob(model('kling-3.0'), json(fields)).input).toEqual({
      prompt: 'x',
      image: UPLOAD,
      resolution: '1080p',
    });
    expect(videoJob(model('veo-3.1'), json(fields)).input).toMatchObject({ resolution: '1080p', aspect_ratio: '16:9' });
  });

  it("passes the model's own fields and the job's options on, from texts too", () => {
    const { input, options } = videoJob(
      model('kling-3.0'),
      text({
        prompt: '42',
        duration_seconds: '10',
        generate_audio: 'false',
        guidance: '0.5',
        resolution: '1080p',
        aspect_ratio: '1:1',
        camera: { move: 'zoom', amount: '-4' },
        last_image: { job_id: JOB, output: '1' },
        reference_images: ['https://example.com/a.png', '{"upload_id":"u"}'],
        metadata: { order: '7' },
        routing: { allow_fallback: 'false' },
        webhook: '{"url":"https://example.com"}',
        deadline_seconds: '600',
      }),
    );
    expect(input).toEqual({
      prompt: '42',
      duration_seconds: 10,
      generate_audio: false,
      guidance: 0.5,
      resolution: '1080p',
      aspect_ratio: '1:1',
      camera: { move: 'zoom', amount: -4 },
      last_image: { job_id: JOB, output: 1 },
      reference_images: ['https://example.com/a.png', '{"upload_id":"u"}'],
    });
    expect(options).toEqual({
      metadata: { order: '7' },
      routing: { allow_fallback: false },
      webhook: { url: 'https://example.com' },
      deadline_seconds: 600,
    });
  });

  it('makes of a prompt alone what every alias takes', () => {
    for (const one of videoModels()) {
      const { input } = videoJob(one, json({ prompt: 'a fox', input_reference: UPLOAD }));
      expect(parseInput(one, input).operation).toBe('image_to_video');
    }
  });

  it.each([
    [
      { prompt: 'x', duration: 4 },
      'duration',
      'unknown_parameter',
      /'duration'. Allowed: model, seconds, size, input_ref/,
    ],
    [{ prompt: 'x', seconds: 'long' }, 'seconds', '400', /like "8"; got "long"/],
    [{ prompt: 'x', seconds: true }, 'seconds', '400', /got true/],
    [{ prompt: 'x', seconds: '5', duration_seconds: 5 }, 'seconds', '400', /'duration_seconds' say the same/],
    [{ prompt: 'x', size: '1280x720', resolution: '720p' }, 'size', '400', /'resolution' say the same/],
    [{ prompt: 'x', input_reference: UPLOAD, image: UPLOAD }, 'input_reference', '400', /'image' say the same/],
    [{ prompt: 'x', input_reference: { file_id: 'file-1' } }, 'input_reference.file_id', '400', /got "file-1"/],
    [{ prompt: 'x', input_reference: { image_url: UPLOAD } }, 'input_reference.image_url', '400', /https URL/],
    [{ prompt: 'x', input_reference: { image_url: {} } }, 'input_reference.image_url', '400', /got {}/],
  ])('refuses %j, naming %s', (fields, param, code, message) => {
    const found = refusal(() => videoJob(model('kling-3.0'), json(fields)));
    expect(found).toEqual({ param, code, message: expect.stringMatching(message) });
  });
});

describe('the model', () => {
  it('is sora-2 where none is named', () => {
    expect(modelNameOf(json({}))).toBe('sora-2');
    expect(modelNameOf(json({}), 'veo-3.1')).toBe('veo-3.1');
    expect(modelNameOf(json({ model: 'wan-2.2' }), 'veo-3.1')).toBe('wan-2.2');
  });

  it('must be a name, of a video model', () => {
    expect(refusal(() => modelNameOf(json({ model: 7 })))).toMatchObject({ param: 'model' });
    expect(refusal(() => modelNameOf(json({ model: '' })))).toMatchObject({ param: 'model' });
    expect(refusal(() => assertVideoModel(model('flux-dev'))).message).toMatch(/'flux-dev' makes image/);
  });
});

describe('clipJob', () => {
  const reference = { job_id: JOB, output: 0 };
  const made = (id: string, input: Record<string, string | number | boolean>) => ({
    reference,
    made: { model: id, input },
  });

  it('edits by the field of the alias, in the form that the clip had', () => {
    const input = { prompt: 'old', seed: 4, duration_seconds: 8, resolution: '1080p', aspect_ratio: '9:16' };
    const fields = { prompt: 'make it snow', video: { id: 'video_x' }, metadata: { a: 'b' } };
    expect(clipJob('edit', model('seedance-2'), json(fields), made('seedance-2', input), [])).toEqual({
      model: 'seedance-2',
      input: {
        prompt: 'make it snow',
        duration_seconds: 8,
        resolution: '1080p',
        aspect_ratio: '9:16',
        reference_videos: [reference],
      },
      options: { metadata: { a: 'b' } },
      names: expect.objectContaining({ reference_videos: 'video', prompt: 'prompt' }),
    });
  });

  it("takes nothing over from another alias's clip, whose words are not its own", () => {
    const clip = made('kling-3.0', { prompt: 'old', resolution: '4k', duration_seconds: 3 });
    const { input } = clipJob('edit', model('seedance-2'), json({ prompt: 'x', video: {} }), clip, []);
    expect(input).toEqual({ prompt: 'x', reference_videos: [reference] });
  });

  it('extends by what the request says, not by the length that the clip had', () => {
    const clip = made('skyreels-v2', { prompt: 'old', resolution: '540p', duration_seconds: 30, steps: 20 });
    const { input } = clipJob('extend', model('skyreels-v2'), text({ prompt: 'on', seconds: '4' }), clip, []);
    expect(input).toEqual({ prompt: 'on', duration_seconds: 4, resolution: '540p', steps: 20, video: reference });
  });

  it.each([
    ['edit', 'kling-3.0', ['seedance-2'], 'kling-3.0 does not edit videos. Models of this key that do: seedance-2.'],
    ['extend', 'sora-2', [], 'sora-2 does not extend videos. No model of this key does.'],
    ['edit', 'skyreels-v2', ['a', 'b'], 'skyreels-v2 does not edit videos. Models of this key that do: a, b.'],
  ] as const)('refuses to %s by %s', (use, id, able, message) => {
    const found = refusal(() => clipJob(use, model(id), json({ prompt: 'x' }), { reference, made: null }, able));
    expect(found).toEqual({ param: 'model', code: '400', message });
  });

  it('refuses the clip twice', () => {
    const fields = { prompt: 'x', video: { id: 'v' }, reference_videos: [UPLOAD] };
    const found = refusal(() => clipJob('edit', model('seedance-2'), json(fields), { reference, made: null }, []));
    expect(found).toMatchObject({ param: 'video', message: expect.stringContaining("'reference_videos'") });
  });
});

describe('videoIdIn', () => {
  it("tells OpenAI's form from a file and from a job's reference", () => {
    expect(videoIdIn({ id: 'video_x' })).toBe('video_x');
    expect(videoIdIn({ upload_id: UPLOAD })).toBeNull();
    expect(videoIdIn('https://example.com/a.mp4')).toBeNull();
    expect(refusal(() => videoIdIn(undefined)).param).toBe('video');
    expect(refusal(() => videoIdIn({ id: 4 })).param).toBe('video.id');
    expect(refusal(() => videoIdIn({ id: 'video_x', url: 'y' })).param).toBe('video.id');
  });
});
