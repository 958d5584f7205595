import { describe, expect, test } from 'vitest';
import type { PlotType, Verdict } from '../api/types';
import { KINDS, cardState, verdictKind, words, type CardState, type Context } from './card';

const NOW = 1_800_000_000_000_000;
const S = 1_000_000;

const context: Context = { nowUs: NOW, beam: 'on', run: 80464, waiting: 0, lagS: 0, silent: [] };

function verdict(over: Partial<Verdict> = {}): Verdict {
  const at = NOW - 60 * S;
  return {
    image: 'a'.repeat(48),
    plot_type: 'CDC_occupancy',
    run: 80464,
    chunk: 12,
    taken_at_us: at,
    arrived_at_us: at,
    decided_at_us: at,
    label: 'Good',
    confidence: 0.98,
    threshold: 0.5,
    is_bad: over.label === 'Bad',
    state: 'confirmed',
    reason: '',
    note: '',
    model: 'b'.repeat(64),
    heatmap: null,
    kept: true,
    width: 1380,
    height: 640,
    ...over,
  };
}

function plot(over: Partial<PlotType> = {}, latest: Partial<Verdict> | null = {}): PlotType {
  return {
    name: 'CDC_occupancy',
    detector: 'CDC',
    group: '',
    cadence_s: 300,
    stale_after_s: 465,
    disabled: false,
    discovered: false,
    model: null,
    latest: latest && verdict(latest),
    strip: [],
    incident: null,
    buried: null,
    ...over,
  };
}

const at = (ageS: number) => ({ taken_at_us: NOW - ageS * S, arrived_at_us: NOW - ageS * S });
const old = at(600);
const unpaced = { cadence_s: null, stale_after_s: null };
const onceARun = (latest: Partial<Verdict>) => plot({ cadence_s: null, stale_after_s: 10_800 }, { chunk: null, ...latest });
const buried = { at_us: NOW - 5 * S, stage: 'resize', reason: 'refused' };
const incident = { id: 'c'.repeat(32), label: 'Bad', since_us: NOW - 900 * S, count: 3 };

type Row = [string, PlotType, Partial<Context>, Partial<CardState>];

const table: Row[] = [
  ['a fresh Good is quiet', plot(), {}, { kind: 'good', title: 'Good', calls: false, reason: '' }],
  ['Acceptable counts as Good', plot({}, { label: 'Acceptable' }), {}, { kind: 'good', title: 'Acceptable' }],
  ['confirmed Bad calls', plot({ incident }, { label: 'Bad' }), {}, { kind: 'bad', title: 'Bad', calls: true }],
  ['Bad without beam is still Bad', plot({}, { label: 'Bad' }), { beam: 'off' }, { kind: 'bad', calls: true }],
  ['Bad below its threshold is Unconfirmed', plot({}, { label: 'Bad', state: 'unconfirmed' }), {}, { kind: 'unconfirmed', title: 'Unconfirmed', calls: true }],
  ['Good below its threshold is Unconfirmed', plot({}, { state: 'unconfirmed' }), {}, { kind: 'unconfirmed' }],
  ['Novel outweighs its label', plot({}, { label: 'Good', state: 'novel' }), {}, { kind: 'novel', title: 'Novel', calls: true }],
  ['what the model noticed is said', plot({}, { state: 'novel', note: 'layout changed' }), {}, { kind: 'novel', reason: 'layout changed' }],
  ['a label that the catalog counts as trouble is Bad, under its name', plot({}, { label: 'HotChannel', is_bad: true }), {}, { kind: 'bad', title: 'Hot channel', calls: true }],
  ['NoData is its own state', plot({}, { label: 'NoData' }), {}, { kind: 'nodata', title: 'No data' }],
  ['other labels show their name', plot({}, { label: 'HotChannel' }), {}, { kind: 'other', title: 'Hot channel', calls: false }],
  ['an old Good is never Good', plot({}, old), {}, { kind: 'stale', title: 'Stale', was: 'Good', calls: true }],
  ['an old Bad is stale, and says what it was', plot({}, { ...old, label: 'Bad' }), {}, { kind: 'stale', was: 'Bad' }],
  ['without beam an old Good is stale but asks for nothing', plot({}, old), { beam: 'off' }, { kind: 'stale', calls: false, was: 'Good' }],
  ['without a beam reading old is old', plot({}, old), { beam: 'unknown' }, { kind: 'stale', calls: true }],
  ['each plot type has its own cadence', plot({ cadence_s: 3600, stale_after_s: 5415 }, old), {}, { kind: 'good' }],
  ['a producer clock that is ahead keeps nothing young', plot({}, { arrived_at_us: NOW - 600 * S, taken_at_us: NOW + 9_000 * S }), {}, { kind: 'stale' }],
  ['an archive that is sent again is old', plot({}, { arrived_at_us: NOW, taken_at_us: NOW - 9e4 * S }), {}, { kind: 'stale' }],
  ['one set a run is good in its run', onceARun(old), {}, { kind: 'good' }],
  ['one set a run is stale in the next, and asks for nothing yet', onceARun(old), { run: 80465 }, { kind: 'stale', calls: false, was: 'Good' }],
  ['one set a run calls beyond its limit, in its run and in the next', onceARun(at(10_801)), { run: 80465 }, { kind: 'stale', calls: true, was: 'Good' }],
  ['a chunk of the run before is as young as it is', plot({ cadence_s: null, stale_after_s: 900 }, old), { run: 80465 }, { kind: 'good' }],
  ['without a limit of its own a quarter of an hour is young', plot(unpaced, at(900)), {}, { kind: 'good' }],
  ['without a limit of its own an old Good is never Good', plot(unpaced, at(901)), {}, { kind: 'stale', calls: true, was: 'Good' }],
  ['without a limit of its own an old Good calls without a beam reading', plot(unpaced, at(901)), { beam: 'unknown' }, { kind: 'stale', calls: true }],
  ['without a limit of its own and without beam it asks for nothing', plot(unpaced, at(901)), { beam: 'off' }, { kind: 'stale', calls: false }],
  ['without a limit of its own a queue explains it, too', plot(unpaced, at(1200)), { waiting: 900, lagS: 400 }, { kind: 'late', was: 'Good' }],
  ['overdue and waiting in a queue is Late', plot({}, old), { waiting: 900, lagS: 400 }, { kind: 'late', title: 'Late', was: 'Good' }],
  ['a small backlog does not explain a long silence', plot({}, old), { waiting: 2, lagS: 3 }, { kind: 'stale' }],
  ['a queue that stands still is Late', plot({}, old), { waiting: 3, lagS: null }, { kind: 'late' }],
  ['a stage that is down makes overdue Late', plot({}, old), { silent: ['infer'] }, { kind: 'late', calls: true }],
  ['a backlog does not touch what is fresh', plot(), { waiting: 900, lagS: 400, silent: ['gradcam'] }, { kind: 'good' }],
  ['an image that was given up is Late', plot({ buried }), {}, { kind: 'late', was: 'Good', calls: true }],
  ['given up before any verdict is Late', plot({ buried }, null), {}, { kind: 'late', was: '' }],
  ['no model is shown as such', plot({}, { state: 'no_verdict', label: null, confidence: null, threshold: null, reason: 'no model' }), {}, { kind: 'nomodel', title: 'No model', reason: 'no model' }],
  ['no model and old is stale', plot({}, { ...old, state: 'no_verdict', label: null }), {}, { kind: 'stale', was: 'No model' }],
  ['discovered outweighs no model', plot({ discovered: true }, { state: 'no_verdict', label: null }), {}, { kind: 'discovered', title: 'Discovered', calls: false }],
  ['discovered stays so when old', plot({ discovered: true }, { ...old, state: 'no_verdict', label: null }), {}, { kind: 'discovered' }],
  ['discovered stays so while images wait', plot({ discovered: true, stale_after_s: 300 }, { ...old, state: 'no_verdict', label: null }), { waiting: 5, lagS: null }, { kind: 'discovered' }],
  ['disabled outweighs everything', plot({ disabled: true, buried, incident }, { ...old, label: 'Bad' }), {}, { kind: 'disabled', was: 'Bad', calls: false }],
  ['never seen is stale, and calls with beam', plot({}, null), {}, { kind: 'stale', title: 'Never seen', calls: true }],
  ['never seen without beam asks for nothing', plot({}, null), { beam: 'off' }, { kind: 'stale', calls: false }],
];

describe('the state of a card', () => {
  test.each(table)('%s', (_, plot, over, wanted) => {
    expect(cardState(plot, { ...context, ...over })).toMatchObject(wanted);
  });

  test('every state occurs in this table', () => {
    const seen = new Set(table.map(([, plot, over]) => cardState(plot, { ...context, ...over }).kind));
    expect([...seen].sort()).toEqual([...KINDS].sort());
  });

  test('nothing is Good beyond its age, whatever else holds', () => {
    for (const beam of ['on', 'off', 'unknown'] as const)
      for (const waiting of [0, 1000])
        for (const age of [466, 1e4, 1e7])
          for (const over of [{}, { cadence_s: null }, ...(age > 900 ? [unpaced] : [])])
            expect(
              cardState(plot(over, { taken_at_us: NOW - age * S }), { ...context, beam, waiting, lagS: waiting }).kind,
            ).not.toBe('good');
  });
});

test('labels read as words', () => {
  expect(['HotChannel', 'NoData', 'LED', 'Good', 'Cosmic'].map(words)).toEqual([
    'Hot channel',
    'No data',
    'LED',
    'Good',
    'Cosmic',
  ]);
});

test('a verdict without a label is no verdict', () => {
  expect(verdictKind('confirmed', null, false)).toBe('nomodel');
});
