import OpenAI, { APIError, toFile } from 'openai';
import sharp from 'sharp';
import { type Sandbox, startSandbox } from '../../sandbox/server.js';
import { probe, until } from '../../sandbox/test-client.js';

/** The official client against the sandbox: what it sends is taken, and what it reads is there. */
const KEY = 'test-key';

let sandbox: Sandbox;
let client: OpenAI;
beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0.002, key: KEY });
  client = new OpenAI({ apiKey: KEY, baseURL: `${sandbox.url}/openai/v1`, maxRetries: 0 });
});
afterAll(() => sandbox.close());

const picture = async (width: number, height: number, channels: 3 | 4 = 3) => {
  const bytes = await sharp({
    create: { width, height, channels, background: { r: 20, g: 160, b: 90, alpha: 0 } },
  })
    .png()
    .toBuffer();
  return toFile(bytes, 'picture.png', { type: 'image/png' });
};

describe('videos', () => {
  test('create with a first frame, retrieve until done, download, list, delete', async () => {
    const created = await client.videos.create({
      model: 'sora-2',
      prompt: 'A fox runs',
      seconds: '4',
      size: '1280x720',
      input_reference: await picture(1280, 720),
    });
    expect(created).toMatchObject({ object: 'video', status: 'queued', seconds: '4', size: '1280x720' });
    const done = await until(async () => {
      const video = await client.videos.retrieve(created.id);
      return video.status === 'completed' ? video : null;
    });
    expect(done).toMatchObject({ progress: 100, error: null, prompt: 'A fox runs', remixed_from_video_id: null });

    const content = await client.videos.downloadContent(created.id);
    expect(content.headers.get('content-type')).toBe('video/mp4');
    const { streams, seconds } = probe(Buffer.from(await content.arrayBuffer()), 'mp4');
    expect(streams.map(({ codec_name: codec }) => codec)).toEqual(['h264', 'aac']);
    expect(streams[0]).toMatchObject({ width: 1280, height: 720 });
    expect(seconds).toBeCloseTo(4, 1);
    const thumbnail = await client.videos.downloadContent(created.id, { variant: 'thumbnail' });
    const { format } = await sharp(Buffer.from(await thumbnail.arrayBuffer())).metadata();
    expect(format).toBe('webp');

    const second = await client.videos.create({ prompt: 'Another', model: 'sora-2' });
    const listed: string[] = [];
    for await (const video of client.videos.list({ limit: 1, order: 'asc' })) listed.push(video.id);
    expect(listed).toEqual([created.id, second.id]);

    expect(await client.videos.delete(created.id)).toEqual({
      id: created.id,
      object: 'video.deleted',
      deleted: true,
    });
    await expect(client.videos.retrieve(created.id)).rejects.toMatchObject({ status: 404 });
  });

  test('a reference given as a link in an object', async () => {
    const bytes = await (await picture(720, 1280)).arrayBuffer();
    const image_url = `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`;
    const created = await client.videos.create({ prompt: 'A fox', input_reference: { image_url } });
    expect(created.size).toBe('720x1280');
  });

  test('a block and an error read as the client knows them', async () => {
    const { id } = await client.videos.create({ prompt: 'x [[sandbox:policy]]' });
    const failed = await until(async () => {
      const video = await client.videos.retrieve(id);
      return video.status === 'failed' ? video : null;
    });
    expect(failed.error?.code).toBe('moderation_blocked');
    const refused = await client.videos
      .create({ prompt: 'x', input_reference: await picture(64, 64) })
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(APIError);
    expect(refused).toMatchObject({ status: 400, type: 'invalid_request_error', requestID: 'req_sandbox' });
  });
});

describe('images', () => {
  const bytesOf = (b64: string | undefined): Buffer => Buffer.from(b64 ?? '', 'base64');

  test('generate', async () => {
    const answer = await client.images.generate({
      model: 'gpt-image-2.6-sunburst',
      prompt: 'A fox',
      n: 2,
      size: '1536x864',
      quality: 'low',
      output_format: 'jpeg',
      output_compression: 70,
      moderation: 'low',
    });
    expect(answer.data).toHaveLength(2);
    expect(await sharp(bytesOf(answer.data?.[1]?.b64_json)).metadata()).toMatchObject({
      format: 'jpeg',
      width: 1536,
      height: 864,
    });
    expect(answer.usage?.total_tokens).toBeGreaterThan(answer.usage?.output_tokens ?? 0);
  });

  test('edit several pictures with a mask', async () => {
    const answer = await client.images.edit({
      model: 'gpt-image-1.5',
      prompt: 'Put a fox there',
      image: [await picture(300, 200), await picture(64, 64)],
      mask: await picture(300, 200, 4),
      input_fidelity: 'high',
      background: 'transparent',
      output_format: 'webp',
      quality: 'low',
    });
    expect(await sharp(bytesOf(answer.data?.[0]?.b64_json)).metadata()).toMatchObject({
      format: 'webp',
      hasAlpha: true,
      width: 1536,
      height: 1024,
    });
  });

  test('edit one picture', async () => {
    const answer = await client.images.edit({
      model: 'gpt-image-1.5',
      prompt: 'a',
      image: await picture(64, 64),
      quality: 'low',
    });
    expect(answer.data).toHaveLength(1);
  });

  test('streams of both', async () => {
    const wanted = { model: 'gpt-image-1.5', prompt: 'A fox', quality: 'low', stream: true } as const;
    const types: string[] = [];
    let final = '';
    for await (const event of await client.images.generate({ ...wanted, partial_images: 2 })) {
      types.push(event.type);
      if (event.type === 'image_generation.completed') final = event.b64_json;
    }
    for await (const event of await client.images.edit({ ...wanted, image: await picture(64, 64) }))
      types.push(event.type);
    expect(types).toEqual([
      'image_generation.partial_image',
      'image_generation.partial_image',
      'image_generation.completed',
      'image_edit.completed',
    ]);
    expect((await sharp(bytesOf(final)).metadata()).format).toBe('png');
  });

  test('a block is told from an invalid request', async () => {
    await expect(
      client.images.generate({ model: 'gpt-image-1.5', prompt: 'x [[sandbox:policy]]', quality: 'low' }),
    ).rejects.toMatchObject({ status: 400, code: 'moderation_blocked', type: 'image_generation_user_error' });
    await expect(
      client.images.generate({ model: 'gpt-image-1.5', prompt: 'x', size: '256x256' }),
    ).rejects.toMatchObject({ status: 400, param: 'size', code: 'invalid_value' });
  });

  test("the client's own retries get through a rate limit, after what the headers say", async () => {
    const patient = client.withOptions({ maxRetries: 2 });
    sandbox.arm({ provider: 'openai', fault: '429', value: 0, match: 'patient' });
    const answer = await patient.images.generate({ model: 'gpt-image-1.5', prompt: 'patient', quality: 'low' });
    expect(answer.data).toHaveLength(1);
  });
});
