/** The guided tour of the pages, for someone who takes a shift for the first time: about five
 * minutes. Each step stands on a page and points at a part of it. */

export interface Step {
  path: string;
  /** What it points at; empty: nothing in particular. */
  target: string;
  title: string;
  text: string;
}

export const TOUR: readonly Step[] = [
  {
    path: '/',
    target: '',
    title: 'Welcome to your shift',
    text: 'Hydra looks at every monitoring plot of the hall, all day, and says whether it is as it should be. You need to act on little of it. These twelve steps show where you look, what you see there and what is asked of you.',
  },
  {
    path: '/',
    target: '[data-tour="facts"]',
    title: 'What holds for the whole hall',
    text: 'The run, the beam, how long ago the last image came, the server’s clock, and the link. While the link is live, what you see is now. When it breaks, the page turns grey within three seconds and says so: then trust nothing here until it is back.',
  },
  {
    path: '/',
    target: '.card',
    title: 'A card for every plot',
    text: 'Each plot has one card, always at the same place. It shows the newest image, what the model says, how sure it is, the age of the image, its run and chunk, and the last twenty verdicts as small bars: tall bars were trouble.',
  },
  {
    path: '/',
    target: '[data-tour="legend"]',
    title: 'Eleven states',
    text: 'A card is in exactly one state, told by a word, a shape and a colour. The numbers count the cards in each; press one to see these alone, press it again to see all. Good is quiet on purpose. Bad alone is filled.',
  },
  {
    path: '/',
    target: '[data-tour="legend"]',
    title: 'Old is never Good',
    text: 'A plot that is older than it should be turns Stale, whatever its last verdict was: the monitoring may have stopped. Late means that Hydra has the image but no verdict yet. Without beam, Stale and No data are as they should be.',
  },
  {
    path: '/',
    target: '[data-tour="alarms"]',
    title: 'Alarms',
    text: 'When a plot is surely Bad while there is beam, it is listed here with the time when it began. New ones come at the end and nothing moves while you read. A cleared one stays until you press Tidy. Turn on the sound at the top right to hear each new one once.',
  },
  {
    path: '/',
    target: '.card .name',
    title: 'Open a card',
    text: 'Press a card, or go to it with the arrow keys and press Enter. You see the plot in full, the heat map over what made the model decide, the last twenty images to step through, what to do, and whom to call.',
  },
  {
    path: '/',
    target: '[data-tour="toolbar"]',
    title: 'Your own view',
    text: 'Search, choose a detector or a group, pin what you watch, hide what you do not, make cards smaller. The address of the page holds all of it: bookmark it, or send it to the next shift. Wall fills a big screen and turns its pages.',
  },
  {
    path: '/log',
    target: '.list',
    title: 'The log: when did it begin?',
    text: 'Everything that was Bad, Unconfirmed or Novel. Images in a row are folded to one line, and the time when it began stands first. Choose a line to step through its images beside the reference.',
  },
  {
    path: '/board',
    target: '.tile',
    title: 'The board',
    text: 'A tile for each detector, to be read from across the room. The worst of its plots decides, and Stale weighs more than Good.',
  },
  {
    path: '/status',
    target: '.sum',
    title: 'Can Hydra be trusted now?',
    text: 'If this line says that Hydra is well, verdicts are current. If not, the line in trouble says what it means and what to do about it. Look here when many cards turn Stale or Late at once.',
  },
  {
    path: '/help',
    target: '',
    title: 'That is all',
    text: 'At the start of a shift: look at every plot without a model, at Unconfirmed and Novel ones, and read the log of the shift before. During it: alarms first, then anything that calls. This page explains every state and every key.',
  },
];
