/* SPDX-License-Identifier: Apache-2.0 */
/* Words by what they may be in an order: of English, German, French, Spanish, Italian, Portuguese, Russian, Chinese and
 * Japanese. They are written as any text and are read as the scanner reads it (looks.h), once. */
#include <string.h>

#include "mcp/scan/looks.h"
#include "mcp/scan/scan_internal.h"

static const char *const WORDS[CLASS_WORDS] = {
    [CLASS_IGNORE] =
	"ignore ignoring disregard disregarding forget override overriding bypass overlook neglect discard "
	"ignoriere ignorieren ignoriert vergiss vergesse vergessen missachte missachten übergehe verwirf "
	"ignorez ignorer oublie oubliez oublier négligez ignora ignoren ignorar olvida olvide olvidar omite "
	"desestima dimentica dimenticare ignorare esqueça esquece игнорируй игнорируйте проигнорируй "
	"проигнорируйте игнорировать забудь забудьте отбрось отмени отмените 忽略 无视 忽视 忘记 忘掉 抛弃 不理会 "
	"無視 忘れ 従わない",
    [CLASS_PRIOR] =
	"previous previously prior above earlier preceding foregoing existing original initial former past before "
	"vorherigen vorherige vorheriger vorigen bisherigen bisherige obigen früheren vorangegangenen "
	"vorangehenden précédentes précédents précédente antérieures antérieurs ci anteriores anterior previas "
	"previos precedenti предыдущие предыдущих предыдущую прежние прежних прошлые выше все всё 之前 以上 先前 "
	"前面 上面 上述 此前 以前 これまで 上記 前の 今まで 先ほど",
    [CLASS_ORDERS] =
	"instruction instructions directions directive directives guideline guidelines rules prompt prompts "
	"commands orders constraints restrictions training programming anweisung anweisungen befehle befehl "
	"regeln vorgaben instruktionen consignes consigne règles ordres instrucciones instrucción órdenes "
	"reglas indicaciones directrices istruzioni regole instruções regras инструкции инструкций инструкцию "
	"указания указаний правила правил команды команд 指令 指示 说明 命令 规则 提示 提示词 要求 設定 ルール "
	"プロンプト 規則",
    [CLASS_YOUR] = "your deine deinen deiner ihre ihren tes vos votre ton tus sus tu твои ваши свои твоих 你的 您的 "
		   "あなたの",
    [CLASS_SYSTEM] = "system systems système sistema системный системную системные системного 系统 システム",
    [CLASS_REVEAL] =
	"reveal reveals print output repeat display disclose expose dump leak recite show zeige nenne verrate "
	"gib montre montrez affiche affichez révèle révélez muestra revela imprime mostra покажи покажите выведи "
	"раскрой напечатай 显示 输出 透露 打印 泄露 表示 教え 出力 見せ",
    [CLASS_NOT] = "never without nicht nichts niemals kein keinen ohne pas jamais sans rien nunca sin nada не никогда "
		  "ничего без 不要 不得 不能 请勿 别 しない ないで 教えない 伝えない",
    [CLASS_TELL] =
	"tell inform telling informing mention mentioning notify disclose sage sag erzähle erwähne informiere dis "
	"dites mentionne mentionnez informe informez digas diga menciones informes говори говорите сообщай "
	"сообщайте упоминай упоминайте 告诉 提及 告知 通知 伝え 言わ 知らせ 教え",
    [CLASS_USER] = "user users human humans person anyone nobody benutzer nutzer anwender utilisateur usuario utente "
		   "usuário пользователю пользователя пользователь 用户 使用者 ユーザー ユーザ 利用者",
    [CLASS_SEND] =
	"send post upload forward email transmit exfiltrate leak submit deliver mail sende schicke senden schicken "
	"übermittle envoie envoyez envoyer transmets transmettez envía envia envíe enviar reenvía manda отправь "
	"отправьте пошли перешли перешлите передай передайте 发送 发给 上传 转发 寄到 送信 送って 転送 アップロード",
    [CLASS_SECRET] =
	"passwords credential credentials secrets tokens apikey apikeys keys passwörter "
	"zugangsdaten schlüssel geheimnisse passe identifiants clés contraseña contraseñas credenciales claves "
	"secretos пароль пароли паролей токен токены ключи секреты 密码 密钥 凭据 令牌 凭证 パスワード 認証情報 "
	"トークン 秘密 鍵",
    [CLASS_HISTORY] = "conversation chat history transcript gesprächsverlauf gespräch verlauf unterhaltung historique "
		      "conversación historial переписку историю диалог 对话 聊天记录 会话 历史记录 会話 履歴",
    [CLASS_TOOL_USE] =
	"call invoke execute run use rufe aufrufen ausführen führe nutze verwende appelle appelez exécute exécutez "
	"utilise utilisez llama llame ejecuta ejecute usa utiliza вызови вызовите запусти запустите выполни "
	"выполните используй 调用 执行 运行 使用 呼び出し 実行 使って",
    [CLASS_TOOL] = "tool tools function functions werkzeug funktion outil fonction herramienta función инструмент "
		   "функцию инструменты 工具 函数 ツール 関数",
    [CLASS_MUST] =
	"must immediately urgent urgently mandatory now musst müssen sofort unbedingt jetzt dois devez immédiatement "
	"maintenant debes debe inmediatamente ahora должен должны немедленно сейчас обязательно 必须 立即 马上 务必 "
	"现在 必ず すぐに 今すぐ 直ちに",
    [CLASS_MODEL] = "ai llm assistant chatbot chatgpt gpt claude gemini copilot ki assistent ia asistente assistente "
		    "ассистент ассистента ии нейросеть помощник 人工智能 助手 模型 アシスタント",
    [CLASS_NEW] = "new neue neuen nouvelle nouvelles nueva nuevas nuevo nuove новые новая новую новых 新的 新しい",
    [CLASS_DESTROY] = "delete erase wipe destroy drop lösche vernichte supprime supprimez borra elimina удали удалите "
		      "уничтожь 删除 销毁 削除",
    [CLASS_ROLE] = "system assistant human user developer ai système sistema системный 系统 システム",
};

enum { TABLE_SIZE = 4096 /* more than twice as many as there are, rot13 included */, ENDS_SIZE = 1024 };

static struct {
	struct scan_word table[TABLE_SIZE];
	uint8_t ends[ENDS_SIZE / 8]; /* last characters of words that no blanks separate */
	bool is_made;
} vocabulary;

static struct scan_word *slot_of(uint32_t hash)
{
	size_t at = hash % TABLE_SIZE;

	while (vocabulary.table[at].hash != 0 && vocabulary.table[at].hash != hash)
		at = (at + 1) % TABLE_SIZE;
	return &vocabulary.table[at];
}

static uint32_t rot13(uint32_t code)
{
	return code >= 'a' && code <= 'z' ? 'a' + (code - 'a' + 13) % 26 : code;
}

static bool is_ideograph(uint32_t code)
{
	return code >= 0x3040 && code <= 0x9FFF;
}

/* One word as it is read; `turned`: in rot13, 0 if it has too few letters to be told from others. */
static uint32_t hash_word(const char *word, size_t len, uint32_t *turned)
{
	uint32_t hash = SCAN_HASH_START, last = 0;
	size_t letters = 0;

	*turned = SCAN_HASH_START;
	for (size_t at = 0, size; at < len; at += size) {
		uint32_t code = text_read(word + at, len - at, &size);
		int letter = looks_letter(code);
		last = letter >= 0 ? (uint32_t)letter : scan_lower(code);
		letters += last < 0x80;
		hash = scan_hash_add(hash, last);
		*turned = scan_hash_add(*turned, rot13(last));
	}
	if (is_ideograph(last))
		vocabulary.ends[last % ENDS_SIZE / 8] |= (uint8_t)(1U << last % 8);
	if (letters < 4)
		*turned = 0;
	return hash;
}

uint32_t scan_hash_word(h2o_iovec_t word)
{
	uint32_t turned;

	return hash_word(word.base, word.len, &turned);
}

static void add_word(uint32_t hash, enum scan_writing writing, uint32_t classes)
{
	struct scan_word *word = slot_of(hash);

	word->hash = hash;
	word->classes[writing] |= classes;
}

static void add_words(const char *words, uint32_t classes)
{
	h2o_iovec_t rest = text_of(words);

	while (rest.base != NULL) {
		uint32_t turned;
		h2o_iovec_t word = text_cut(&rest, ' ');
		add_word(hash_word(word.base, word.len, &turned), SCAN_PLAIN, classes);
		if (turned != 0)
			add_word(turned, SCAN_ROT13, classes);
	}
}

static void add_phrase_end(const struct scan_phrase *phrase)
{
	const char *last = strrchr(phrase->words, ' ');
	uint32_t turned, hash = hash_word(last != NULL ? last + 1 : phrase->words,
	                                  strlen(last != NULL ? last + 1 : phrase->words), &turned);
	uint8_t count = 1;

	for (const char *p = phrase->words; *p != '\0'; p++)
		count += *p == ' ';
	struct scan_word *word = slot_of(hash);
	word->hash = hash;
	word->phrases = count > word->phrases ? count : word->phrases;
}

static void make_vocabulary(void)
{
	vocabulary.is_made = true;
	for (size_t i = 0; i < CLASS_WORDS; i++)
		add_words(WORDS[i], 1U << i);
	for (const struct scan_phrase *p = SCAN_PHRASES; p->words != NULL; p++)
		add_phrase_end(p);
}

const struct scan_word *scan_word_of(uint32_t hash)
{
	if (!vocabulary.is_made)
		make_vocabulary();
	const struct scan_word *word = slot_of(hash);
	return word->hash == hash ? word : NULL;
}

bool scan_ends_word(uint32_t code)
{
	return (vocabulary.ends[code % ENDS_SIZE / 8] & 1U << code % 8) != 0;
}

uint32_t scan_lower(uint32_t code)
{
	if ((code >= 0x410 && code <= 0x42F) || (code >= 0x391 && code <= 0x3A9))
		return code + 0x20;
	return code >= 0x400 && code <= 0x40F ? code + 0x50 : code;
}
