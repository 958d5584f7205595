import { mount } from 'svelte';
import App from './App.svelte';
import { hall } from './state/hall.svelte';
import './style/tokens.css';
import './style/base.css';
import './style/states.css';

hall.start();
mount(App, { target: document.body });
