curl -X POST https://your-domain.com/api/generate/ \
  -H "Authorization: Bearer sk-koci_your_api_key" \
  -H "Content-Type: application/json" \
  -d '{
  "conversation_id": "your-conversation-id",
  "prompt": "一只穿着宇航服的猫在月球上漫步",
  "style": "realistic",
  "size": "1:1",
  "model": "standard"
}'
