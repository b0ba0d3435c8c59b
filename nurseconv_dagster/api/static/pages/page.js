// The conversation page: puts its parts together.
import { Cards } from "./cards.js";
import { Facts } from "./facts.js";
import { listenToKeys } from "./keys.js";
import { Player } from "./player.js";
import { Transcript } from "./transcript.js";

const transcript = new Transcript(document.querySelector(".transcript"));
const player = new Player(document.getElementById("audio"), document.getElementById("speed"), transcript);
const cards = new Cards(document.getElementById("answers"), transcript, player, new Facts());
listenToKeys(cards, player, document.getElementById("help"), document.getElementById("help-button"));
