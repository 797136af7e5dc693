import { layOut, toSrt, toVtt } from './transcript.js';

const TEXT = 'Good morning. "Is it cold?" It is, and it stays so all day long in the north and in the south of it!';

describe('transcripts', () => {
  it('cuts at sentences and where a line would be too long, and loses nothing', () => {
    const segments = layOut(TEXT, 10);
    expect(segments.map(({ text }) => text)).toEqual([
      'Good morning.',
      '"Is it cold?"',
      'It is, and it stays so all day long in the north',
      'and in the south of it!',
    ]);
    expect(segments.map(({ text }) => text).join(' ')).toBe(TEXT);
  });

  it('fills the recording from its beginning to its end, without gaps', () => {
    const words = layOut(TEXT, 10).flatMap((segment) => segment.words);
    expect(words[0]).toEqual({ token: 'Good', word: 'Good', start: 0, end: expect.any(Number) as number });
    expect(words.at(-1)).toMatchObject({ token: 'it!', word: 'it', end: 10 });
    words.slice(1).forEach(({ start }, index) => expect(start).toBe(words[index]?.end));
  });

  it('is written as subtitles', () => {
    const segments = layOut('Good morning. It is cold.', 3_725.5);
    expect(toSrt(segments)).toBe(
      `1\n00:00:00,000 --> 00:35:28,860\nGood morning.\n\n2\n00:35:28,860 --> 01:02:05,500\nIt is cold.\n\n`,
    );
    expect(toVtt(segments)).toBe(
      `WEBVTT\n\n00:00:00.000 --> 00:35:28.860\nGood morning.\n\n00:35:28.860 --> 01:02:05.500\nIt is cold.\n\n`,
    );
  });

  it('of silence is empty', () => {
    expect(layOut('', 4)).toEqual([]);
    expect(toVtt([])).toBe('WEBVTT\n\n');
  });
});
