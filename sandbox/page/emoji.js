// The emoji short codes that Slack apps use most, and the characters they stand for.

const TABLE = `
+1 👍 -1 👎 thumbsup 👍 thumbsdown 👎 ok_hand 👌 wave 👋 clap 👏 raised_hands 🙌 pray 🙏 muscle 💪 point_right 👉 point_left 👈
point_up ☝️ point_down 👇 raised_hand ✋ eyes 👀 smile 😄 smiley 😃 grinning 😀 grin 😁 joy 😂 slightly_smiling_face 🙂 wink 😉 blush 😊
heart_eyes 😍 thinking_face 🤔 neutral_face 😐 disappointed 😞 cry 😢 sob 😭 angry 😠 scream 😱 sunglasses 😎 partying_face 🥳 tada 🎉
heart ❤️ broken_heart 💔 blue_heart 💙 green_heart 💚 yellow_heart 💛 purple_heart 💜 orange_heart 🧡 black_heart 🖤 sparkles ✨ star ⭐
star2 🌟 fire 🔥 zap ⚡ boom 💥 rocket 🚀 100 💯 trophy 🏆 medal 🏅 dart 🎯 gift 🎁 balloon 🎈 confetti_ball 🎊 bell 🔔 no_bell 🔕
loudspeaker 📢 mega 📣 speech_balloon 💬 thought_balloon 💭 left_speech_bubble 🗨️ envelope ✉️ email 📧 incoming_envelope 📨 outbox_tray 📤
inbox_tray 📥 mailbox 📫 memo 📝 pencil 📝 pencil2 ✏️ clipboard 📋 page_facing_up 📄 bookmark_tabs 📑 bar_chart 📊
chart_with_upwards_trend 📈 chart_with_downwards_trend 📉 calendar 📅 date 📅 spiral_calendar_pad 🗓️ clock1 🕐 alarm_clock ⏰
hourglass ⌛ hourglass_flowing_sand ⏳ stopwatch ⏱️ timer_clock ⏲️ watch ⌚ lock 🔒 unlock 🔓 key 🔑 mag 🔍 link 🔗 paperclip 📎 pushpin 📌 frame_with_picture 🖼️ checkered_flag 🏁
round_pushpin 📍 wrench 🔧 hammer 🔨 gear ⚙️ hammer_and_wrench 🛠️ bulb 💡 moneybag 💰 dollar 💵 credit_card 💳 receipt 🧾
telephone ☎️ phone ☎️ telephone_receiver 📞 iphone 📱 calling 📲 computer 💻 satellite_antenna 📡 test_tube 🧪 microscope 🔬
white_check_mark ✅ heavy_check_mark ✔️ ballot_box_with_check ☑️ x ❌ negative_squared_cross_mark ❎ heavy_multiplication_x ✖️
warning ⚠️ no_entry ⛔ no_entry_sign 🚫 octagonal_sign 🛑 stop_sign 🛑 rotating_light 🚨 construction 🚧 exclamation ❗
heavy_exclamation_mark ❗ question ❓ grey_question ❔ interrobang ⁉️ bangbang ‼️ information_source ℹ️ red_circle 🔴 large_orange_circle 🟠
large_yellow_circle 🟡 large_green_circle 🟢 large_blue_circle 🔵 large_purple_circle 🟣 white_circle ⚪ black_circle ⚫
large_green_square 🟩 large_red_square 🟥 large_yellow_square 🟨 large_blue_square 🟦 white_large_square ⬜ black_large_square ⬛
small_blue_diamond 🔹 small_orange_diamond 🔸 arrow_right ➡️ arrow_left ⬅️ arrow_up ⬆️ arrow_down ⬇️ arrow_forward ▶️
double_vertical_bar ⏸️ black_square_for_stop ⏹️ black_right_pointing_triangle_with_double_vertical_bar ⏯️
fast_forward ⏩ rewind ⏪ repeat 🔁 arrows_counterclockwise 🔄 leftwards_arrow_with_hook ↩️ arrow_right_hook ↪️ heavy_plus_sign ➕
heavy_minus_sign ➖ house 🏠 office 🏢 school 🏫 earth_americas 🌎 earth_africa 🌍 globe_with_meridians 🌐 sunny ☀️ cloud ☁️ umbrella ☔
snowflake ❄️ rainbow 🌈 crescent_moon 🌙 zzz 💤 seedling 🌱 evergreen_tree 🌲 herb 🌿 rose 🌹 coffee ☕ pizza 🍕 cake 🍰 beers 🍻
robot_face 🤖 ghost 👻 bust_in_silhouette 👤 busts_in_silhouette 👥 people_holding_hands 🧑‍🤝‍🧑 man 👨 woman 👩 baby 👶 dog 🐶 cat 🐱
shield 🛡️ scales ⚖️ label 🏷️ ticket 🎫 ballot_box 🗳️ wastebasket 🗑️ package 📦 card_index 📇 file_folder 📁 open_file_folder 📂
card_file_box 🗃️ floppy_disk 💾 printer 🖨️ recycle ♻️ infinity ♾️ see_no_evil 🙈 crossed_fingers 🤞 handshake 🤝 writing_hand ✍️ v ✌️`;

const words = TABLE.trim().split(/\s+/);
const CHARACTERS = new Map();
for (let index = 0; index < words.length; index += 2) CHARACTERS.set(words[index], words[index + 1]);

/** Replace `:short_code:` by its character; unknown codes stay as they are. */
export function withEmoji(text) {
  return text.replace(/:([a-z0-9_+-]+):(?::skin-tone-[2-6]:)?/g, (whole, name) => CHARACTERS.get(name) ?? whole);
}
