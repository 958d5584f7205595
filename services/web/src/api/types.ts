/** The API's types under short names; `schema.d.ts` is made from the OpenAPI document. */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Beam = Schemas['Beam'];
export type BuriedMessage = Schemas['BuriedMessage'];
export type Change = Schemas['Change'];
export type Day = Schemas['Day'];
export type DeadLetter = Schemas['DeadLetter'];
export type Detector = Schemas['Detector'];
export type Group = Schemas['Group'];
export type Hall = Schemas['Hall'];
export type Health = Schemas['Health'];
export type Histogram = Schemas['Histogram'];
export type ImageDetail = Schemas['ImageDetail'];
export type Incident = Schemas['Incident'];
export type LogEntry = Schemas['LogEntry'];
export type LogMark = Schemas['LogMark'];
export type Model = Schemas['Model'];
export type Pipeline = Schemas['Pipeline'];
export type PlotType = Schemas['PlotType'];
export type PlotTypeDetail = Schemas['PlotTypeDetail'];
export type Problem = Schemas['Problem'];
export type Release = Schemas['Release'];
export type RoleHealth = Schemas['RoleHealth'];
export type Run = Schemas['Run'];
export type RunLatency = Schemas['RunLatency'];
export type Status = Schemas['Status'];
export type StripItem = Schemas['StripItem'];
export type Tick = Schemas['Tick'];
export type Trend = Schemas['Trend'];
export type Verdict = Schemas['Verdict'];
export type VerdictState = Schemas['VerdictState'];
export type Why = Schemas['Why'];

/** One page of a list. */
export interface Page<T> {
  items: T[];
  next: string | null;
}
