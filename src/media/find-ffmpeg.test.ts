import { parseVersion } from './find-ffmpeg.js';

describe('parseVersion', () => {
  it.each([
    [
      'ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the FFmpeg developers\nbuilt 2001',
      '5.1.9-0+deb12u1',
      2026,
    ],
    [
      'ffmpeg version N-92722-gf22fcd4483-static https://x.org/  Copyright (c) 2000-2018 the',
      'N-92722-gf22fcd4483-static',
      2018,
    ],
    ['ffprobe version 7.0 Copyright (c) 2024 the FFmpeg developers', '7.0', 2024],
  ])('reads %j', (line, version, year) => {
    expect(parseVersion(line)).toEqual({ version, year });
  });

  it('knows what is no ffmpeg', () => {
    expect(parseVersion('GNU bash, version 5.2\nffmpeg version 5 Copyright (c) 2020')).toBeNull();
    expect(parseVersion('')).toBeNull();
  });
});
