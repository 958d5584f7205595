/** What each state is called, means and asks for: the legend and the help say the same. */
import type { Kind } from './card';

export const STATE_TITLES: Record<Kind, string> = {
  bad: 'Bad',
  novel: 'Novel',
  unconfirmed: 'Unconfirmed',
  late: 'Late',
  stale: 'Stale',
  nodata: 'No data',
  other: 'Other',
  nomodel: 'No model',
  discovered: 'Discovered',
  good: 'Good',
  disabled: 'Disabled',
};

export interface StateHelp {
  means: string;
  asks: string;
}

export const STATE_HELP: Record<Kind, StateHelp> = {
  bad: {
    means: 'The model is sure that the plot shows a problem. With beam it is also an alarm.',
    asks: 'Open the card, look where the heat map points, follow the guidance, call the contact if it stays.',
  },
  novel: {
    means: 'The plot is unlike anything the model was trained on, so its verdict says little.',
    asks: 'Look yourself: a new fault, a new layout, or new conditions. Tell the detector expert.',
  },
  unconfirmed: {
    means: 'The model has a guess but is not sure enough of it.',
    asks: 'Look yourself and compare with the reference. One alone is common; several in a row are not.',
  },
  late: {
    means: 'An image was drawn but its verdict has not come: it waits inside Hydra, or was given up.',
    asks: 'See the Status page. The plot itself may be well; nobody has judged it yet.',
  },
  stale: {
    means: 'No new image for longer than this plot type should take. What you see is old.',
    asks: 'With beam: see whether the monitoring program still runs. Without beam nothing is asked.',
  },
  nodata: {
    means: 'The plot is empty.',
    asks: 'With beam: see whether the detector is in the read-out. Without beam this is as it should be.',
  },
  other: {
    means: 'The model is sure of another label, for example a hot channel, cosmics or a calibration source.',
    asks: 'Know it; act where the guidance of the plot type says so.',
  },
  nomodel: {
    means: 'No model is active for this plot type: nobody but you looks at it.',
    asks: 'Look at it yourself at the start of the shift and from time to time.',
  },
  discovered: {
    means: 'Images of a name that nobody has declared yet.',
    asks: 'Nothing from the shift. The detector expert declares or refuses it.',
  },
  good: {
    means: 'The newest image is as it should be, and young enough to speak for now.',
    asks: 'Nothing.',
  },
  disabled: {
    means: 'Switched off in the catalog. It is shown but not judged.',
    asks: 'Nothing.',
  },
};
