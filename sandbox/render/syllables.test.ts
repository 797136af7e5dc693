import { hum, pitchOf, SAMPLE_RATE, samplesOf } from './syllables.js';

const TEXT = 'Good morning. Here is the weather, as it is in the north: cold, and clear all day!';

describe('hummed speech', () => {
  it('takes as long as the text is, and half as long at double speed', () => {
    const { seconds } = hum(TEXT, 'alloy', 1);
    expect(seconds).toBeGreaterThan(4);
    expect(seconds).toBeLessThan(9);
    expect(hum(TEXT, 'alloy', 2).seconds).toBeCloseTo(seconds / 2, 1);
    expect(hum(`${TEXT} ${TEXT}`, 'alloy', 1).seconds).toBeCloseTo(seconds * 2, 0);
  });

  it('has the pitch of the voice', () => {
    expect(pitchOf('alloy')).not.toBe(pitchOf('onyx'));
    const { tones } = hum(TEXT, 'onyx', 1);
    const mean = tones.reduce((sum, { hertz }) => sum + hertz, 0) / tones.length;
    expect(mean / pitchOf('onyx')).toBeGreaterThan(0.9);
    expect(mean / pitchOf('onyx')).toBeLessThan(1.1);
  });

  it('is loud, never clipped, and the same every time', () => {
    const samples = samplesOf(hum(TEXT, 'nova', 1));
    let peak = 0;
    for (let at = 0; at < samples.length; at += 2) peak = Math.max(peak, Math.abs(samples.readInt16LE(at)));
    expect(peak).toBeGreaterThan(5_000);
    expect(peak).toBeLessThan(32_767);
    expect(samples.equals(samplesOf(hum(TEXT, 'nova', 1)))).toBe(true);
    expect(samples.length / 2 / SAMPLE_RATE).toBeCloseTo(hum(TEXT, 'nova', 1).seconds, 3);
  });

  it.each(['…', '!!!', '素早い茶色の狐', '1 2 3', 'tsk'])('%s is a sound too', (text) => {
    const { tones, seconds } = hum(text, 'alloy', 1);
    expect(tones.length).toBeGreaterThan(0);
    expect(seconds).toBeGreaterThan(0.1);
  });

  it('ends in the end', () => {
    expect(hum('la '.repeat(20_000), 'alloy', 1).seconds).toBeLessThan(605);
  });
});
