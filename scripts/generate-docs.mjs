// Writes the pages under docs/ that come from code (npm run docs); tests fail while one is out of date.
import { mkdirSync, writeFileSync } from 'node:fs';
import { configurationPage } from '../dist/src/config/configuration-page.js';

mkdirSync('docs', { recursive: true });
writeFileSync('docs/configuration.md', configurationPage());
