curl -X POST https://your-domain.com/api/generate/img2img \
  -H "Authorization: Bearer sk-koci_your_api_key" \
  -F "image=@reference.png" \
  -F "prompt=将画面风格转为赛博朋克" \
  -F "conversation_id=your-conversation-id" \
  -F "strength=0.75" \
  -F "style=cyberpunk" \
  -F "model=hd"
