// The program says what the simulator's page says, in both languages.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const { WORDS, languageOf, speaker } = require('../../miniprogram/utils/words');

/** Words that differ for a reason: on the simulator's page another person may be on the same phone. */
const OWN = ['takenLead'];

const simulator = () => {
  const script = readFileSync(join(__dirname, '../../static/phone.js'), 'utf8');
  const [, text] = /^const TEXT = (\{[\s\S]*?^\});/m.exec(script) ?? [];
  assert.ok(text, 'the words of the simulator\'s page');
  return new Function(`return ${text}`)();
};

test('what both say, they say alike', () => {
  const page = simulator();
  for (const language of /** @type {const} */ (['en', 'zh-CN'])) {
    const both = Object.keys(WORDS[language]).filter((key) => key in page[language] && !OWN.includes(key));
    assert.ok(both.length > 40, `only ${both}`);
    for (const key of both) assert.equal(WORDS[language][key], page[language][key], `${language} ${key}`);
  }
});

test('nothing is said in one language alone', () => {
  assert.deepEqual(Object.keys(WORDS.en).sort(), Object.keys(WORDS['zh-CN']).sort());
  for (const key of Object.keys(WORDS.en)) {
    const gaps = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
    assert.deepEqual(gaps(WORDS.en[key]), gaps(WORDS['zh-CN'][key]), key);
  }
});

test('Chinese is spoken unless the phone speaks another language', () => {
  for (const language of [undefined, '', 'zh_CN', 'zh_TW', 'zh-Hans', 'zh']) assert.equal(languageOf(language), 'zh-CN', language);
  for (const language of ['en', 'en_US', 'ja']) assert.equal(languageOf(language), 'en', language);
});

test('a gap is filled once, whatever fills it', () => {
  assert.equal(speaker('en')('askLead', { name: '{name} $&' }), 'Somebody wants to log in as you, {name} $&.');
});
